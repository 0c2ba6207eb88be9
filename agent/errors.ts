// The one registry of errors: code → exit status (sysexits) and what the code means. `agent/ERRORS.md` documents every code and a
// test holds the two against each other. Messages are written where the failure is known: what failed, where, the value, what to do.

/** sysexits(3): 64 usage, 65 data, 69 unavailable, 70 bug, 73 cannot create, 74 I/O, 75 try again, 77 no permission, 78 configuration. */
export const errorRegistry = {
  usage: { exit: 64, means: 'The command line is not one that Whetstone knows.' },
  internal: { exit: 70, means: 'A bug in Whetstone: please report it with the log.' },
  'model-unreadable': { exit: 65, means: 'The file is not an ONNX model, is truncated, or its external data is missing.' },
  'model-unsupported': { exit: 65, means: 'The model is valid ONNX, but not a classifier that can be cut and trained.' },
  'operator-unsupported': { exit: 65, means: 'A node in the part to be trained cannot be handled.' },
  'cut-impossible': { exit: 65, means: 'No single tensor separates the backbone from the wanted layers.' },
  'proof-failed': { exit: 65, means: 'Backbone and tail together do not compute what the whole model computes.' },
  'inference-unavailable': { exit: 69, means: 'The inference worker died and is being started again.' },
  'trainer-failed': { exit: 75, means: 'The trainer process could not be started, or ended without an answer.' },
  'already-running': { exit: 75, means: 'Another daemon, or another command, holds the state directory.' },
  'socket-failed': { exit: 73, means: 'The control socket cannot be opened.' },
  'daemon-unreachable': { exit: 69, means: 'The daemon was there and does not answer, or ended while it answered.' },
  'card-missing': { exit: 65, means: 'The model has no model card that says how its input is made, or the card cannot be read.' },
  'card-invalid': { exit: 65, means: 'The model card is not JSON or does not follow its schema.' },
  'config-invalid': { exit: 78, means: 'The configuration file cannot be read or does not follow its schema.' },
  'not-there-yet': {
    exit: 75,
    means: 'The model file is not there; it may be on a disk that is mounted later, so the service tries again.',
  },
  'image-unreadable': { exit: 65, means: 'The bytes are not an image that can be read, or it is over a size limit.' },
  'audio-unreadable': { exit: 65, means: 'The bytes are not a recording that can be read, or it is over a size limit.' },
  'sensor-unreadable': { exit: 65, means: 'The bytes are not sensor readings that can be read, or they do not fill a window.' },
  'capture-set-aside': { exit: 65, means: 'A process died while it decoded this capture; it is not decoded again.' },
  'data-unusable': { exit: 65, means: 'The data folder holds no classes or pictures that can be learned from.' },
  'sample-unknown': { exit: 65, means: 'The store holds no such sample, or several that begin like that.' },
  'training-diverged': {
    exit: 65,
    means: 'The loss of a training run is not finite, also at lower learning rates; the current model stays.',
  },
  'memory-short': { exit: 75, means: 'Training needs more memory than there is, also in small batches; the current model stays.' },
  'engine-unavailable': { exit: 69, means: 'The engine that training was told to use is not installed or cannot be loaded.' },
  'runtime-failed': { exit: 69, means: 'ONNX Runtime refused the model or failed while it ran.' },
  'topic-invalid': { exit: 78, means: 'A name is not safe in an MQTT topic, or the topic would be too deep.' },
  'broker-unreachable': { exit: 69, means: 'No connection to the MQTT broker: unknown host, nothing listens, or no answer.' },
  'broker-refused': { exit: 77, means: 'The MQTT broker, or the check of its certificate, refused the connection.' },
  'weights-unavailable': { exit: 69, means: 'The device publishes no weights, or not those of the wanted version.' },
  'weights-incomplete': { exit: 75, means: 'Not all chunks of the weights arrived in time.' },
  'weights-corrupt': { exit: 65, means: 'Weights or their manifest are not what their sizes and hashes say.' },
  'output-failed': { exit: 73, means: 'The file that a command was told to write cannot be written.' },
  'download-failed': { exit: 69, means: 'A file cannot be fetched: no connection, no such file, or the connection broke too often.' },
  'download-corrupt': { exit: 65, means: 'A file that was fetched is not the one that the catalog means: another size or hash.' },
  'disk-full': { exit: 74, means: 'The disk, or the limit set for the store, is full.' },
  'state-unwritable': { exit: 77, means: 'The state directory cannot be created, read or written.' },
  'state-foreign': { exit: 78, means: 'The state folder belongs to another configuration.' },
  'store-corrupt': { exit: 74, means: 'The database is damaged.' },
  'store-newer': { exit: 78, means: 'The database was written by a newer Whetstone.' },
  'store-failed': { exit: 74, means: 'Reading or writing the database failed.' },
  'commands-full': { exit: 75, means: 'Too many commands wait to be run; new ones are not accepted.' },
  'release-invalid': { exit: 65, means: 'A release on disk is incomplete, damaged, or not what its manifest says.' },
  'release-unknown': { exit: 65, means: 'No release of that version is on this device, or it cannot be used.' },
} as const satisfies Record<string, { readonly exit: number; readonly means: string }>;

export type ErrorCode = keyof typeof errorRegistry;

/** A code that came from another process or machine, if it is one of ours; else the one of a bug. */
export function errorCodeOf(code: string): ErrorCode {
  return Object.hasOwn(errorRegistry, code) ? (code as ErrorCode) : 'internal';
}

/** An error with a registered code. `hint` is the sentence that tells the reader what to do about it. */
export class WhetError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: { readonly hint?: string; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'WhetError';
    this.code = code;
    this.hint = options.hint;
  }

  get exit(): number {
    return errorRegistry[this.code].exit;
  }
}

/** What a device goes on with, where it can do without what it wanted to write. */
export function isDiskFull(error: unknown): boolean {
  return error instanceof WhetError && error.code === 'disk-full';
}

/** The message of anything thrown, for composing a larger message. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, path, syscall = '' } = error as NodeJS.ErrnoException;
  const words = code !== undefined && Object.hasOwn(fileTroubles, code) ? fileTroubles[code] : undefined;
  // What a program's start says names the program, not a file.
  return words === undefined || path === undefined || syscall.startsWith('spawn') ? error.message : `${words}, '${path}'`;
}

/** What the system says of files, in the words of people. */
const fileTroubles: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'this user may not do that',
  EPERM: 'this user may not do that',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is a file',
  EROFS: 'the disk is read-only',
  ENAMETOOLONG: 'the name is too long',
};

/** A failed file operation in the state directory → the error for it; `doing` is a phrase like `write release 000001-…`. */
export function stateError(error: unknown, doing: string, path: string): WhetError {
  if (error instanceof WhetError) return error;
  const errno = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (errno === 'ENOSPC' || errno === 'EDQUOT' || errno === 'EFBIG') {
    return new WhetError('disk-full', `cannot ${doing} in '${path}': no space left`, {
      hint: 'Free space on this disk, or lower the limits of the store in the configuration.',
      cause: error,
    });
  }
  return new WhetError('state-unwritable', `cannot ${doing} in '${path}': ${messageOf(error)}`, {
    hint: 'The state directory must be on a working disk and belong to the user that runs whet.',
    cause: error,
  });
}
