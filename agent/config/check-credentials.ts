// Holds the files of the mqtt section against what TLS and the broker will want: there, readable, of the right kind, in date, belonging
// together, and not open to everyone. Takes the section, gives findings.
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { messageOf } from '../errors.ts';
import { isOpenToAll, passwordIn } from './password-file.ts';
import type { Finding } from './problem.ts';
import type { Mqtt } from './resolve.ts';

type Credentials = Omit<Mqtt, 'commands'>;

export async function checkCredentials(mqtt: Credentials, nowMs: number = Date.now()): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const found = (key: keyof Credentials, message: string, remedy: string) => {
    findings.push({ path: ['mqtt', key], value: key === 'password' ? undefined : mqtt[key], message, remedy });
  };
  const read = async (key: 'passwordFile' | 'ca' | 'cert' | 'key') => {
    if (mqtt[key] === undefined) return null;
    try {
      return await readFile(mqtt[key], 'utf8');
    } catch (error) {
      found(
        key,
        `cannot be read: ${messageOf(error)}`,
        'Paths are relative to the configuration file. Check the name and who may read it.',
      );
      return null;
    }
  };
  const [password, ca, cert, key] = await Promise.all([read('passwordFile'), read('ca'), read('cert'), read('key')]);

  if (password !== null && passwordIn(password) === '') found('passwordFile', 'has an empty first line', 'Write the password there.');
  const authority = ca === null ? null : certificate(ca);
  const own = cert === null ? null : certificate(cert);
  const secret = key === null ? null : privateKey(key);
  for (const [name, parsed] of [
    ['ca', authority],
    ['cert', own],
  ] as const) {
    if (typeof parsed === 'string') found(name, `holds no certificate: ${parsed}`, 'It must be a PEM file with "BEGIN CERTIFICATE".');
    else if (parsed !== null && Date.parse(parsed.validTo) < nowMs)
      found(name, `expired on ${parsed.validTo}`, 'Get a new certificate, and check the clock.');
  }
  if (typeof secret === 'string')
    found('key', `holds no private key: ${secret}`, 'It must be a PEM file with "BEGIN PRIVATE KEY", without a passphrase.');
  if (own instanceof X509Certificate && secret !== null && typeof secret !== 'string' && !own.checkPrivateKey(secret)) {
    found('key', 'does not belong to cert', 'Take both from the same place.');
  }
  for (const name of ['passwordFile', 'key'] as const) {
    if (mqtt[name] !== undefined && (await isOpenToAll(mqtt[name])))
      found(name, 'can be read by every user of this machine', `chmod 600 ${mqtt[name]}`);
  }

  const encrypted = /^(mqtts|wss):/i.test(mqtt.url);
  for (const name of ['ca', 'cert'] as const) {
    if (mqtt[name] !== undefined && !encrypted)
      found(name, 'is not used: the address is not encrypted', 'Use mqtts:// (port 8883) or wss:// in url.');
  }
  return findings;
}

function certificate(pem: string): X509Certificate | string {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    return messageOf(error);
  }
}

function privateKey(pem: string): KeyObject | string {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    return messageOf(error);
  }
}
