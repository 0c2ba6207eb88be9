// How the packager speaks.

export const say = (text) => process.stderr.write(`package: ${text}\n`);

export function fail(status, text) {
  say(text);
  process.exit(status);
}
