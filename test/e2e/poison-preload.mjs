// Ends every process that looks at a capture which begins with these letters, as a decoder does that runs out of memory. Loaded by NODE_OPTIONS, so
// that children have it too.
const fromCharCode = String.fromCharCode;
String.fromCharCode = (...codes) => {
  const text = fromCharCode(...codes);
  if (text.startsWith('POISON')) process.kill(process.pid, 'SIGKILL');
  return text;
};
