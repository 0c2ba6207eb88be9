import { cpus, totalmem } from 'node:os';
import { describe, expect, it } from 'vitest';
import { type ProgramFacts, programFacts, readHardware } from '../../agent/host/hardware.ts';
import { createMachineFiles } from '../../agent/host/machine-files.ts';
import { jetsonOrinNano, plant, raspberryPi4, type Tree, x86Server } from './machine-trees.ts';

const arm64: ProgramFacts = { arch: 'arm64', machine: 'aarch64', glibc: '2.36' };
const x64: ProgramFacts = { arch: 'x64', machine: 'x86_64', glibc: '2.36' };
const read = (tree: Tree, providers: readonly string[], facts: ProgramFacts) =>
  readHardware(createMachineFiles(plant(tree)), providers, facts);

describe('readHardware', () => {
  it('reads a Raspberry Pi', async () => {
    expect(await read(raspberryPi4, ['cpu'], arm64)).toEqual({
      board: 'Raspberry Pi 4 Model B Rev 1.4',
      arch: 'arm64',
      cpus: 4,
      cpuModel: null,
      cpuFeatures: ['neon'],
      memoryMb: 3793,
      os: 'Debian GNU/Linux 12 (bookworm)',
      kernel: '6.6.51+rpt-rpi-v8',
      glibc: '2.36',
      jetsonRelease: null,
      providers: ['cpu'],
      warnings: [],
    });
  });

  it('reads a Jetson, and says that its GPU is not used', async () => {
    const hardware = await read(jetsonOrinNano, ['cpu'], arm64);
    expect(hardware).toMatchObject({ jetsonRelease: 'R36.4.3', cpus: 6, cpuFeatures: ['neon', 'fp16', 'dotprod'] });
    expect(hardware.warnings).toEqual([expect.stringContaining('GPU')]);
    expect((await read(jetsonOrinNano, ['cpu', 'cuda'], arm64)).warnings).toEqual([]);
  });

  it('reads a server', async () => {
    expect(await read(x86Server, ['cpu'], x64)).toMatchObject({
      board: 'Dell Inc. PowerEdge R650',
      cpuModel: 'Intel(R) Xeon(R) Gold 6330',
      cpuFeatures: ['avx', 'avx2', 'fma', 'f16c', 'avx512', 'avx512-vnni'],
      kernel: null,
      warnings: [],
    });
  });

  it.each([
    [{ ...arm64, arch: 'arm' }, raspberryPi4, '64-bit image'],
    [{ ...arm64, arch: 'arm', machine: 'armv7l' }, raspberryPi4, '32-bit'],
    [{ ...arm64, glibc: '2.9' }, raspberryPi4, 'glibc 2.9 is older than 2.28'],
    [{ ...arm64, glibc: null }, raspberryPi4, 'musl'],
    [x64, { 'proc/cpuinfo': 'flags : fpu sse2 avx\n' }, 'AVX2'],
  ] as const)('%#: warns of what will not work', async (facts, tree, warning) => {
    expect((await read(tree, ['cpu'], facts)).warnings).toEqual([expect.stringContaining(warning)]);
  });

  it('reads this machine', async () => {
    const hardware = await readHardware(createMachineFiles(), ['cpu']);
    expect(hardware.cpus).toBe(cpus().length);
    expect(hardware.memoryMb).toBe(Math.round(totalmem() / 1024 / 1024));
    expect(programFacts().glibc).toMatch(/^2\.\d+$/);
    expect(hardware.warnings.join()).not.toContain('32-bit');
  });
});

it('names the providers whose device is there', async () => {
  const carried = ['cpu', 'webgpu', 'cuda', 'tensorrt'];
  const facts = { arch: 'x64', machine: 'x86_64', glibc: '2.36' } as ProgramFacts;
  const of = async (tree: Tree) => (await read(tree, carried, facts)).providers;
  expect(await of({ 'dev/null': 'x' })).toEqual(['cpu']);
  expect(await of({ 'dev/dri/renderD128': 'x' })).toEqual(['cpu', 'webgpu']);
  expect(await of({ 'dev/nvidia0': 'x' })).toEqual(carried);
});
