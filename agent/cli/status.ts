// `whet status`: a device's state → text.
import type { DeviceStatus } from '../operations/status.ts';
import { ago, bytes, duration, table } from './text.ts';

export function formatStatus(status: DeviceStatus): string {
  const { samples, training } = status;
  const now = Date.now();
  const running = status.running ? `running for ${duration(status.upSeconds ?? 0)}` : 'no daemon runs; this is what its store holds';
  const last = training.last;
  const lines = [
    `${status.device}: ${running}`,
    `model     ${status.model.name}, ${status.model.classes.length} classes, release ${status.release}`,
    `samples   ${samples.total} (${bytes(samples.bytes)}), ${samples.labelled} labelled${byClass(samples.byClass)}${samples.setAside === 0 ? '' : `; ${samples.setAside} set aside: a process died over them`}`,
    `questions ${status.questions === 0 ? 'none open' : `${status.questions} open: whet label`}`,
    `training  ${trainingLine(training)}`,
    last === null ? 'last run  none yet' : `last run  ${ago(last.atMs, now)}: ${last.verdict}, ${last.reason}`,
    status.mqtt === null
      ? `mqtt      ${status.mqttConfigured ? 'configured; no daemon runs that would connect' : 'not configured'}`
      : `mqtt      ${status.mqtt.connected ? 'connected' : `not connected (${status.mqtt.failure ?? 'not yet'})`}, ${status.mqtt.waiting} waiting, ${status.mqtt.dropped} dropped`,
  ];
  if (status.sources.length === 0) return lines.join('\n');
  const rows = status.sources.map((source) => [
    source.name,
    source.kind,
    source.state,
    String(source.captures),
    String(source.dropped),
    source.lastCaptureMs === null ? '–' : ago(source.lastCaptureMs, now),
    source.lastError ?? '',
  ]);
  return [...lines, '', table([['source', 'kind', 'state', 'captures', 'dropped', 'last', 'error'], ...rows])].join('\n');
}

function trainingLine({ decision, paused, newLabels }: DeviceStatus['training']): string {
  const said = `${decision ?? 'no daemon decides'}${paused && decision?.includes('paused') !== true ? ' (paused)' : ''}`;
  // The count stands in many of the reasons already.
  return said.includes('new label') ? said : `${said}, ${newLabels} new ${newLabels === 1 ? 'label' : 'labels'}`;
}

function byClass(counts: Readonly<Record<string, number>>): string {
  const entries = Object.entries(counts);
  return entries.length === 0 ? '' : ` (${entries.map(([label, count]) => `${label} ${count}`).join(', ')})`;
}
