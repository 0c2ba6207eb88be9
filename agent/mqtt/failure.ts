// What went wrong with a broker connection → a sentence for people and what to do. Takes whatever Node, TLS or the broker reported;
// gives one `kind` a cause, so that a log says a thing once and not at every retry.

export interface ConnectionFailure {
  /** The same cause has the same kind, whatever the attempt. */
  readonly kind: string;
  readonly refused: boolean;
  readonly message: string;
  readonly hint: string;
}

/** The broker does not speak this version of the protocol. */
export const versionRefused = 'version-refused';
/** The connection ended before the broker answered: old brokers do this on MQTT 5. */
export const closedUnanswered = 'closed-unanswered';

interface Reported {
  readonly code?: string | number;
  readonly message: string;
  readonly hostname?: string;
  readonly path?: string;
}

const byReason: Readonly<Record<number, readonly [kind: string, message: string, hint: string]>> = {
  1: [versionRefused, 'the broker does not speak this version of MQTT', 'MQTT 5 and 3.1.1 are tried in turn.'],
  132: [versionRefused, 'the broker does not speak this version of MQTT', 'MQTT 5 and 3.1.1 are tried in turn.'],
  2: ['client-id', 'the broker rejects the client identifier', 'Set another client id, or allow this one at the broker.'],
  133: ['client-id', 'the broker rejects the client identifier', 'Set another client id, or allow this one at the broker.'],
  4: [
    'credentials',
    'the broker refuses the user name or password',
    'Check user name and password; nothing else is wrong with the way to it.',
  ],
  134: [
    'credentials',
    'the broker refuses the user name or password',
    'Check user name and password; nothing else is wrong with the way to it.',
  ],
  5: [
    'not-authorized',
    'the broker does not authorize this client',
    'Check user name, password or client certificate, and the rules of the broker.',
  ],
  135: [
    'not-authorized',
    'the broker does not authorize this client',
    'Check user name, password or client certificate, and the rules of the broker.',
  ],
  138: ['banned', 'the broker has banned this client', 'Ask who runs the broker.'],
  140: [
    'authentication-method',
    'the broker wants another authentication method',
    'User and password, or client certificates, are what Whetstone can do.',
  ],
  142: ['taken-over', 'another client with the same client id took the session over', 'Two devices have the same name: give each its own.'],
};

const byCode: Readonly<Record<string, readonly [kind: string, what: string, hint: string]>> = {
  ENOTFOUND: ['unknown-host', 'no such host', 'Check the broker address and the name server.'],
  EAI_AGAIN: ['name-server', 'the name server does not answer', 'Check the network; it is tried again.'],
  ECONNREFUSED: ['nothing-listens', 'nothing listens there', 'Check that the broker runs, and its port (1883, with TLS 8883).'],
  ETIMEDOUT: ['no-answer', 'no answer', 'Check the network and firewalls on the way.'],
  EHOSTUNREACH: ['no-route', 'no route to the host', 'Check the network.'],
  ENETUNREACH: ['no-route', 'no route to the network', 'Check the network.'],
  ENOENT: ['file', 'a file is missing', 'Check the paths of certificates, key and password file.'],
  EACCES: ['file', 'a file may not be read', 'Check the owner and mode of certificates, key and password file.'],
  CERT_HAS_EXPIRED: ['certificate', 'its certificate has expired', 'Renew it, or set the clock of this board.'],
  CERT_NOT_YET_VALID: ['certificate', 'its certificate is not valid yet', 'The clock of this board is probably wrong.'],
  ERR_TLS_CERT_ALTNAME_INVALID: [
    'certificate',
    'its certificate is for another host name',
    'Use the name in the certificate as the address.',
  ],
  ERR_SSL_WRONG_VERSION_NUMBER: ['not-tls', 'it does not speak TLS on that port', 'Use mqtt:// there, or the TLS port (8883).'],
};

const unknownAuthority = /SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)/;
const clientCertificate = /ALERT_(CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|BAD_CERTIFICATE|UNKNOWN_CA|CERTIFICATE_\w+)/;

/** `where` is the broker address without credentials. */
export function describeFailure(
  error: unknown,
  where: string,
  tls: { readonly on: boolean; readonly clientCertificate: boolean },
): ConnectionFailure {
  const { code, message } = reported(error);
  const failure = (kind: string, refused: boolean, what: string, hint: string): ConnectionFailure => ({
    kind,
    refused,
    message: `no connection to the MQTT broker ${where}: ${what}`,
    hint,
  });
  if (typeof code === 'number') {
    const known = byReason[code];
    return known === undefined
      ? failure(`reason-${code}`, true, `${message} (reason ${code})`, 'It is tried again.')
      : failure(known[0], true, known[1], known[2]);
  }
  const text = String(code ?? '');
  if (unknownAuthority.test(text)) {
    return failure(
      'certificate',
      true,
      'its certificate is not signed by an authority known here',
      'Give the certificate authority of the broker as `ca`.',
    );
  }
  if (clientCertificate.test(text)) {
    return failure(
      'client-certificate',
      true,
      `it does not accept our client certificate (${tls.clientCertificate ? 'the one given' : 'none given'})`,
      'Give a client certificate and its key that the broker trusts, as `cert` and `key`.',
    );
  }
  if (text === closedUnanswered || text === 'ECONNRESET' || text === 'EPIPE') {
    const hint =
      tls.on && !tls.clientCertificate
        ? 'It may require a client certificate (`cert` and `key`), or be starting.'
        : 'It may be starting, full, or not an MQTT broker; its log says more.';
    return failure(closedUnanswered, false, 'the broker closed the connection before it answered', hint);
  }
  const known = byCode[text];
  if (known !== undefined) {
    const detail = known[0] === 'file' ? `${known[1]} (${reported(error).path ?? message})` : known[1];
    return failure(known[0], known[0] === 'certificate' || known[0] === 'file', detail, known[2]);
  }
  if (/connack timeout/.test(message))
    return failure('no-answer', false, 'it took the connection but does not answer', 'Is it an MQTT broker? Its log says more.');
  if (text.startsWith('ERR_SSL') || text.startsWith('ERR_TLS') || text.startsWith('CERT_') || text.startsWith('ERR_OSSL')) {
    return failure(`tls-${text}`, true, `TLS failed: ${message}`, 'Check `ca`, `cert` and `key`.');
  }
  return failure(`other-${text || message}`, false, message, 'It is tried again.');
}

function reported(error: unknown): Reported {
  // Node tries every address of a name and reports all failures together; the first says why.
  if (error instanceof AggregateError && error.errors.length > 0) return reported(error.errors[0]);
  return error instanceof Error ? (error as Error & Reported) : { message: String(error) };
}
