// Whoever sits at the broker: sends the devices commands, keeps every answer, question and report that comes, and what is retained.
import mqtt from 'mqtt';
import { observerId } from './broker.mjs';

export async function createObserver(broker) {
  const client = await mqtt.connectAsync(broker.url, {
    ...{ clientId: observerId, clean: false, protocolVersion: broker.protocol, reconnectPeriod: 40, resubscribe: true },
    ...(broker.protocol === 5 ? { properties: { sessionExpiryInterval: 86_400 } } : {}),
  });
  const devices = new Map();
  const commands = new Map();
  const manifests = new Map();
  const weights = new Map();
  client.on('error', () => undefined);
  client.on('message', (topic, payload, { retain }) => {
    const [, name, kind, ...rest] = topic.split('/');
    const device = of(name);
    if (kind === 'result') answered(commands.get(`${name}/${rest.join('/')}`), payload.toString());
    if (kind === 'query') device.questions.add(JSON.parse(payload.toString()).sample);
    if (kind === 'report' && !retain) device.reports.add(JSON.parse(payload.toString()).run);
    if (kind === 'model' && rest.length === 0) {
      device.model = JSON.parse(payload.toString());
      manifests.set(device.model.version, device.model);
    }
    // What the rig's devices learn fits into one chunk.
    if (kind === 'model' && rest.length === 2) weights.set(rest[0], payload);
    if (kind === 'status') device.status = payload.toString();
  });
  await client.subscribeAsync('whetstone/#', { qos: 1 });
  await broker.save();

  function of(name) {
    const known = devices.get(name) ?? { questions: new Set(), reports: new Set(), model: null, status: null };
    devices.set(name, known);
    return known;
  }

  /** A refusal for want of room is not recorded: the same command may come again, and is answered anew. */
  const isRefusal = (answer) => ['disk-full', 'commands-full'].includes(JSON.parse(answer).error?.code);

  function answered(command, text) {
    if (command === undefined) return;
    command.answers.push(text);
    command.heard(JSON.parse(text));
  }

  const publish = ({ topic, payload }) => client.publishAsync(topic, payload, { qos: 1 }).catch(() => undefined);

  return {
    of,
    commands,
    isRefusal,
    /** `heard` gets every answer. */
    send(name, type, args, heard = () => undefined) {
      const id = `c${commands.size}`;
      const command = {
        ...{ name, type, topic: `whetstone/${name}/cmd/${type}/${id}` },
        payload: JSON.stringify(args),
        answers: [],
        heard,
      };
      commands.set(`${name}/${type}/${id}`, command);
      void publish(command);
    },
    /** A broker that was killed may have lost what it had not handed on: who got no answer asks again, by the same name. */
    askAgain() {
      for (const command of commands.values()) if (command.answers.length === 0) void publish(command);
    },
    /** Releases that any device has published, whole, for this backbone: what may be deployed. */
    deployable: (backbone) =>
      [...manifests.values()].filter(
        (one) => one.base.backbone === backbone && weights.has(one.version) && weights.get(one.version).length === one.delta?.bytes,
      ),
    weightsOf: (version) => weights.get(version).toString('base64'),
    unanswered: (name) => [...commands.values()].filter((command) => command.name === name && command.answers.length === 0),
    /** Commands that were answered twice, and not with the same bytes. */
    contradictions: () =>
      [...commands].filter(([, { answers }]) => new Set(answers.filter((answer) => !isRefusal(answer))).size > 1).map(([key]) => key),
    close: () => client.endAsync(true),
  };
}
