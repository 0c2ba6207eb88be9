// What `whet init` will write: the answers to its questions → a configuration in YAML with its comments. Pure; asks and writes nothing.

import type { FoundDevice } from '../../host/find-devices.ts';
import type { CaptureKind } from '../../types.ts';

export interface InitPlan {
  readonly kind: CaptureKind;
  /** As it stands in the configuration. */
  readonly model: string;
  readonly classes: 'keep' | 'extend' | 'replace';
  /** What captures come from beside the inbox. */
  readonly device: FoundDevice | null;
  /** Address of a broker; null without one. */
  readonly broker: string | null;
}

export const inbox = 'inbox';

const captureNames: Readonly<Record<CaptureKind, string>> = { image: 'photographs', audio: 'recordings', sensor: 'recordings (CSV)' };

export function configurationText(plan: InitPlan): string {
  const what = captureNames[plan.kind];
  return `# What this device does. \`whet check\` says whether all is well with it; agent/config/REFERENCE.md of Whetstone has every setting.
model: ${quoted(plan.model)}

# keep: the classes of the model; extend: those and yours; replace: yours alone
classes: ${plan.classes}

sources:
  # New ${what} in this folder are looked at; those in a folder ${inbox}/NAME are labelled NAME
  - { name: inbox, kind: folder, path: ${inbox}, rescanSeconds: 5 }
${sourceLines(plan)}
# Questions to you about what the model is unsure of: \`whet label\` lists them, \`whet show\` shows them
queries: { perHour: 6, below: 0.6 }

# It learns as soon as there are so many new labels; with a schedule, at night: { minNewLabels: 10, schedule: "0 3 * * *" }
training: { minNewLabels: 10 }

${brokerLines(plan.broker)}`;
}

function sourceLines({ kind, device }: InitPlan): string {
  if (device?.how === 'iio')
    return `  # ${device.name} is at ${device.address}: a program of yours that prints its readings, a JSON object a line, makes it a source\n  # - { name: sensor, kind: sensor, command: [./readings] }\n`;
  if (device !== null) return `  # ${device.name}\n  - ${sourceOf(device)}\n`;
  const example: Readonly<Record<CaptureKind, string>> = {
    image: '{ name: door, kind: rpicam, framesPerSecond: 1 }   # or v4l2, csi, rtsp, http',
    audio: '{ name: kitchen, kind: microphone, device: "plughw:CARD=Device" }',
    sensor: '{ name: pump, kind: sensor, command: [./readings] } # a program of yours that prints a JSON object a line',
  };
  return `  # - ${example[kind]}\n`;
}

function sourceOf({ how, address }: FoundDevice): string {
  switch (how) {
    case 'rpicam':
      return `{ name: camera, kind: rpicam, camera: ${address}, framesPerSecond: 1 }`;
    case 'v4l2':
      return `{ name: camera, kind: v4l2, device: ${quoted(address)}, framesPerSecond: 1 }`;
    case 'alsa':
      return `{ name: microphone, kind: microphone, device: ${quoted(address)} }`;
    case 'iio':
      return `{ name: sensor, kind: sensor, command: [./readings, ${quoted(address)}] }`;
  }
}

function brokerLines(broker: string | null): string {
  const said = '# Predictions, questions, reports and weights over MQTT, and commands from there';
  return broker === null ? `${said}\n# mqtt: { url: "mqtt://localhost:1883" }\n` : `${said}\nmqtt: { url: ${quoted(broker)} }\n`;
}

/** As a YAML text in double quotes, which takes what JSON takes. */
function quoted(text: string): string {
  return JSON.stringify(text);
}
