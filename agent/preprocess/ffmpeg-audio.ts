// Recordings in other formats (MP3, FLAC, Ogg, M4A …) → samples, through the ffmpeg program where it is installed. The bytes go in by pipe, so
// no file name of theirs is ever opened. Refuses (`audio-unreadable`) what ffmpeg refuses, takes too long over, or makes too much of.
import { spawn } from 'node:child_process';
import { WhetError } from '../errors.ts';
import { maxSoundSeconds, type Sound } from './wav.ts';

const timeoutMs = 20_000;

export function decodeWithFfmpeg(bytes: Uint8Array, sampleRate: number): Promise<Sound> {
  const limit = maxSoundSeconds * sampleRate * 4;
  // Only the pipe protocol: a playlist inside the bytes must not make ffmpeg fetch anything.
  const options = [
    '-v',
    'error',
    '-nostdin',
    '-protocol_whitelist',
    'pipe',
    '-i',
    'pipe:0',
    '-map',
    '0:a:0',
    '-ac',
    '1',
    '-ar',
    String(sampleRate),
    '-f',
    'f32le',
    'pipe:1',
  ];
  return new Promise((resolve, reject) => {
    const refuse = (reason: string, cause?: unknown) => reject(unreadable(reason, cause));
    const child = spawn('ffmpeg', options, { stdio: ['pipe', 'pipe', 'pipe'], timeout: timeoutMs, killSignal: 'SIGKILL' });
    const parts: Buffer[] = [];
    let size = 0;
    let complaint = '';
    child.stdout.on('data', (part: Buffer) => {
      size += part.length;
      if (size > limit) child.kill('SIGKILL');
      else parts.push(part);
    });
    child.stderr.on('data', (part: Buffer) => {
      complaint = (complaint + part.toString('utf8')).slice(-300);
    });
    // ffmpeg may close its input early; what it says then is in its exit status.
    child.stdin.on('error', () => {});
    child.on('error', (error) => refuse(`it is not WAV, and ffmpeg cannot be started (${error.message})`, error));
    child.on('close', (code) => {
      if (size > limit) return refuse(`it is longer than ${maxSoundSeconds} s`);
      if (code !== 0 || size < 4) return refuse(`ffmpeg cannot decode it: ${complaint.trim() || `status ${code}`}`);
      const whole = Buffer.concat(parts);
      resolve({ samples: new Float32Array(new Uint8Array(whole.subarray(0, size - (size % 4))).buffer), sampleRate });
    });
    child.stdin.end(bytes);
  });
}

function unreadable(reason: string, cause?: unknown): WhetError {
  return new WhetError('audio-unreadable', `the recording cannot be read: ${reason}`, {
    hint: 'Convert it to WAV, or install ffmpeg.',
    cause,
  });
}
