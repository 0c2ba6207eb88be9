// The `mqtt` section of the configuration → what the uplink takes.
import type { Config, Mqtt } from '../config/resolve.ts';
import type { UplinkConfig } from '../uplink/uplink.ts';

export function uplinkConfig({ device }: Pick<Config, 'device'>, mqtt: Mqtt): UplinkConfig {
  const { url, root, username, password, passwordFile, ca, cert, key, protocol, keepaliveSeconds, sessionHours } = mqtt;
  return {
    ...{ url, device, root, username, password, passwordFile, protocol, keepaliveSeconds },
    ...{ caFile: ca, certFile: cert, keyFile: key },
    sessionExpirySeconds: sessionHours * 3600,
  };
}
