// Imported for its effect, before anything that loads ONNX Runtime: switches off the runtime's own reporting to its maker, which Microsoft's
// builds for Linux have on. It would keep a device's id and what models it opens under ~/.cache, and look for its server. Never on, whatever
// the environment says; children inherit it. The native library reads the environment of the process, of which a worker thread has only
// a copy: whoever starts a thread that runs models imports this too.
process.env.ORT_DISABLE_TELEMETRY = '1';
