// What the machine is: board, processor, memory, system, and what of it Whetstone can use. Takes the machine's files and the execution
// providers that the runtime carries. Says as warnings what will not work here, and what to do.
import { machine } from 'node:os';
import { readMemory } from './health.ts';
import type { MachineFiles } from './machine-files.ts';

export interface Hardware {
  /** 'Raspberry Pi 4 Model B Rev 1.4'; the maker's names on a PC; null where neither firmware says. */
  readonly board: string | null;
  /** Architecture of this program: 'arm64', 'x64' … */
  readonly arch: string;
  readonly cpus: number;
  readonly cpuModel: string | null;
  /** Vector instructions that speed models up: 'neon', 'dotprod', 'avx2', 'avx512-vnni' … */
  readonly cpuFeatures: readonly string[];
  readonly memoryMb: number | null;
  /** 'Debian GNU/Linux 12 (bookworm)'. */
  readonly os: string;
  readonly kernel: string | null;
  /** null where the C library is another one. */
  readonly glibc: string | null;
  /** NVIDIA's Jetson Linux, for example 'R36.4.3'; null elsewhere. */
  readonly jetsonRelease: string | null;
  readonly providers: readonly string[];
  readonly warnings: readonly string[];
}

/** What cannot be read from files; replaced in tests. */
export interface ProgramFacts {
  readonly arch: string;
  /** The kernel's own name of the machine: 'aarch64', 'x86_64', 'armv7l'. */
  readonly machine: string;
  readonly glibc: string | null;
}

/** The kernel's flag → the name people know. ARM64's `asimd` is NEON. */
const knownFeatures: Readonly<Record<string, string>> = {
  neon: 'neon',
  asimd: 'neon',
  asimdhp: 'fp16',
  asimddp: 'dotprod',
  i8mm: 'i8mm',
  bf16: 'bf16',
  sve: 'sve',
  avx: 'avx',
  avx2: 'avx2',
  fma: 'fma',
  f16c: 'f16c',
  avx_vnni: 'avx-vnni',
  avx512f: 'avx512',
  avx512_vnni: 'avx512-vnni',
  amx_int8: 'amx-int8',
};

/** The oldest C library that ONNX Runtime's binaries load on. */
const oldestGlibc = '2.28';

export async function readHardware(
  files: MachineFiles,
  providers: readonly string[],
  facts: ProgramFacts = programFacts(),
): Promise<Hardware> {
  const [board, cpuinfo, memory, os, kernel, jetson, devices, graphics] = await Promise.all([
    readBoard(files),
    files.text('proc/cpuinfo'),
    readMemory(files),
    files.text('etc/os-release'),
    files.text('proc/sys/kernel/osrelease'),
    files.text('etc/nv_tegra_release'),
    files.names('dev'),
    files.names('dev/dri'),
  ]);
  const cpuFeatures = readFeatures(cpuinfo ?? '');
  const jetsonRelease = jetson === null ? null : decodeJetson(jetson);
  return {
    board,
    arch: facts.arch,
    cpus: Math.max(1, (cpuinfo ?? '').match(/^processor\s*:/gm)?.length ?? 0),
    cpuModel: field(cpuinfo ?? '', 'model name'),
    cpuFeatures,
    memoryMb: memory.totalMb,
    os: /^PRETTY_NAME="?([^"\n]*)/m.exec(os ?? '')?.[1] ?? 'Linux',
    kernel,
    glibc: facts.glibc,
    jetsonRelease,
    providers: providers.filter((provider) => isUsable(provider, devices, graphics)),
    warnings: findWarnings(facts, cpuFeatures, jetsonRelease, providers),
  };
}

/** The runtime carries providers for machines of all kinds; one without its device is of no use here. */
function isUsable(provider: string, devices: readonly string[], graphics: readonly string[]): boolean {
  const hasNvidia = devices.some((name) => /^nv(idia|host|map)/.test(name));
  if (provider === 'cuda' || provider === 'tensorrt') return hasNvidia;
  return provider !== 'webgpu' || hasNvidia || graphics.some((name) => name.startsWith('render'));
}

export function programFacts(): ProgramFacts {
  // Gathering the report looks every network interface up by name unless told not to.
  Object.assign(process.report, { excludeNetwork: true });
  const { header } = process.report.getReport() as { readonly header?: { readonly glibcVersionRuntime?: string } };
  return { arch: process.arch, machine: machine(), glibc: header?.glibcVersionRuntime ?? null };
}

async function readBoard(files: MachineFiles): Promise<string | null> {
  const model = await files.text('proc/device-tree/model');
  if (model !== null) return model;
  const names = await Promise.all(['sys_vendor', 'product_name'].map((name) => files.text(`sys/class/dmi/id/${name}`)));
  return names.filter((name) => name !== null).join(' ') || null;
}

function field(cpuinfo: string, name: string): string | null {
  return new RegExp(`^${name}\\s*:\\s*(.+)$`, 'm').exec(cpuinfo)?.[1]?.trim() ?? null;
}

function readFeatures(cpuinfo: string): readonly string[] {
  const flags = new Set((field(cpuinfo, 'Features') ?? field(cpuinfo, 'flags') ?? '').split(/\s+/));
  return [...new Set(Object.entries(knownFeatures).flatMap(([flag, name]) => (flags.has(flag) ? [name] : [])))];
}

/** "# R36 (release), REVISION: 4.3, GCID: …" → 'R36.4.3'. */
function decodeJetson(text: string): string | null {
  const match = /^#\s*(R\d+)\s*\(release\),\s*REVISION:\s*([\d.]+)/.exec(text);
  return match === null ? null : `${match[1]}.${match[2]}`;
}

function findWarnings(
  facts: ProgramFacts,
  cpuFeatures: readonly string[],
  jetsonRelease: string | null,
  providers: readonly string[],
): readonly string[] {
  const warnings: string[] = [];
  if (facts.arch === 'arm' || facts.arch === 'ia32') {
    const kernel = /64/.test(facts.machine)
      ? 'although the kernel has 64: install the 64-bit image of the system'
      : 'and ONNX Runtime has none';
    warnings.push(`this program is 32-bit ${kernel}`);
  }
  if (facts.glibc === null) warnings.push('the C library is not glibc (musl?): ONNX Runtime and sharp need glibc; use Debian or Ubuntu');
  else if (facts.glibc.localeCompare(oldestGlibc, 'en', { numeric: true }) < 0) {
    warnings.push(`glibc ${facts.glibc} is older than ${oldestGlibc}, which ONNX Runtime needs: upgrade the system (Debian 10 or newer)`);
  }
  if (jetsonRelease !== null && !providers.includes('cuda')) {
    warnings.push('the GPU is not used: the arm64 binary of onnxruntime-node is CPU only; build its binding with CUDA to use it');
  }
  if (facts.arch === 'x64' && !cpuFeatures.includes('avx2')) warnings.push('the processor has no AVX2: models run several times slower');
  return warnings;
}
