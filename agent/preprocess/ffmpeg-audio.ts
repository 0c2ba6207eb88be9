// Recordings in other formats (MP3, FLAC, Ogg, M4A …) → WAV bytes of 32-bit floats at a wanted rate, through the ffmpeg program where it is
// installed. The bytes go in by pipe, so no file name of theirs is ever opened. Refuses (`audio-unreadable`) what ffmpeg refuses, takes too long
// over, or makes too much of.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { WhetError } from '../errors.ts';
import { indexFirst } from './index-first.ts';
import { maxSoundSeconds } from './wav.ts';

const timeoutMs = 20_000;
/** Ten minutes in stereo at 16 kHz. */
const mostBytes = 96 * 1024 * 1024;

const options = (sampleRate: number): readonly string[] =>
  [
    ['-v', 'error', '-nostdin', '-threads', '1', '-max_alloc', '100000000'],
    // Only the pipe protocol: a playlist inside the bytes must not make ffmpeg fetch anything.
    ['-protocol_whitelist', 'pipe', '-i', 'pipe:0'],
    ['-map', '0:a:0', '-t', String(maxSoundSeconds + 1), '-ar', String(sampleRate)],
    // Channels are mixed here and not there: it must be seen where they cancel.
    ['-c:a', 'pcm_f32le', '-f', 'wav', 'pipe:1'],
  ].flat();

export function decodeWithFfmpeg(bytes: Uint8Array, sampleRate: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const child = spawn('ffmpeg', options(sampleRate), { stdio: ['pipe', 'pipe', 'pipe'], timeout: timeoutMs, killSignal: 'SIGKILL' });
    // Grows in place: gathering parts and joining them would take it twice.
    const buffer = new ArrayBuffer(0, { maxByteLength: mostBytes });
    let size = 0;
    let complaint = '';
    child.stdout.on('data', (part: Buffer) => {
      const from = size;
      size += part.length;
      if (size > mostBytes) return void child.kill('SIGKILL');
      buffer.resize(size);
      new Uint8Array(buffer, from).set(part);
    });
    child.stderr.on('data', (part: Buffer) => {
      complaint = (complaint + part.toString('utf8')).slice(-300);
    });
    // ffmpeg may close its input early; what it says then is in its exit status.
    child.stdin.on('error', () => {});
    child.on('error', (error: NodeJS.ErrnoException) => {
      const isMissing = error.code === 'ENOENT';
      const reason = isMissing ? 'ffmpeg, which might read it, is not installed' : `ffmpeg cannot be started (${error.message})`;
      reject(unreadable(reason, isMissing ? 'Convert it to WAV (PCM of 16 bits), or install ffmpeg.' : convert, error));
    });
    child.on('close', (code, signal) => {
      if (size > mostBytes)
        return reject(unreadable(`unpacked it takes more than ${mostBytes / 1024 / 1024} MB`, 'Cut it into shorter ones.'));
      if (signal !== null) return reject(unreadable(`ffmpeg took longer than ${timeoutMs / 1000} s over it`, convert));
      if (code !== 0 || size < 4) return reject(unreadable(`ffmpeg cannot decode it: ${complaint.trim() || `status ${code}`}`, convert));
      resolve(new Uint8Array(buffer));
    });
    void feed(child.stdin, indexFirst(bytes));
  });
}

async function feed(input: NodeJS.WritableStream, parts: readonly Uint8Array[]): Promise<void> {
  for (const part of parts) {
    if (!input.write(part)) await Promise.race([once(input, 'drain'), once(input, 'close')]).catch(() => {});
  }
  input.end();
}

const convert = 'Convert it to WAV (PCM of 16 bits) with the program that made it.';

function unreadable(reason: string, hint: string, cause?: unknown): WhetError {
  return new WhetError('audio-unreadable', `the recording cannot be read: ${reason}`, { hint, cause });
}
