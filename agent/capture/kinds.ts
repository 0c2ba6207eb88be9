// The kinds of sources, a record each. What may be written, what is checked, what is created and what documentation says follow from this table.
import { z } from 'zod';
import { csi } from './kinds/csi.ts';
import { folder } from './kinds/folder.ts';
import { http } from './kinds/http.ts';
import { microphone } from './kinds/microphone.ts';
import { mjpeg } from './kinds/mjpeg.ts';
import { rpicam } from './kinds/rpicam.ts';
import { rtsp } from './kinds/rtsp.ts';
import { sensor } from './kinds/sensor.ts';
import { v4l2 } from './kinds/v4l2.ts';
import type { Source } from './source.ts';
import type { SourceKind, SourceSurroundings } from './source-kind.ts';

export const sourceKinds = [folder, rpicam, v4l2, csi, rtsp, http, mjpeg, microphone, sensor] as const;

type Schema = (typeof sourceKinds)[number]['schema'];
/** An entry of `sources`. */
export type SourceConfig = z.output<Schema>;

export const sourceSchema = z.discriminatedUnion('kind', sourceKinds.map(({ schema }) => schema) as unknown as [Schema, ...Schema[]]);

/** The record of an entry; it takes the settings of its own kind, which the schema has seen to. */
export function kindOf({ kind }: Pick<SourceConfig, 'kind'>): SourceKind<z.ZodType<SourceConfig>> {
  return sourceKinds.find((record) => record.kind === kind) as unknown as SourceKind<z.ZodType<SourceConfig>>;
}

/** Settings that are paths become absolute ones. */
export function withAbsolutePaths(config: SourceConfig, absolute: (path: string) => string): SourceConfig {
  const settings = config as unknown as Readonly<Record<string, string>>;
  return {
    ...config,
    ...Object.fromEntries(kindOf(config).paths.flatMap((key) => (settings[key] === undefined ? [] : [[key, absolute(settings[key])]]))),
  };
}

export function createSource(config: SourceConfig, surroundings: SourceSurroundings): Source {
  return kindOf(config).create(config, surroundings);
}
