// Parsers that several verbs share.
import { InvalidArgumentError } from 'commander';

/** Parses a whole number within limits. */
export function integer(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It takes a whole number from ${least} to ${most}.`);
  };
}

/** Parses a percentage within limits. */
export function percent(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It takes a number from ${least} to ${most}.`);
  };
}

/** Parses a share between 0 and 1, both excluded, written as `5%` or `0.05`. */
export function share(text: string): number {
  const value = text.trim().endsWith('%') ? Number(text.trim().slice(0, -1)) / 100 : Number(text);
  if (text.trim() !== '' && value > 0 && value < 1) return value;
  throw new InvalidArgumentError('It takes a share between 0 and 100 %, for example 5% or 0.05.');
}

export type CutOption = { readonly kind: 'layers'; readonly layers: number } | { readonly kind: 'tensor'; readonly tensor: string };

/** What `--layers` and `--cut` say together; one layer unless told. */
export function cutOf(options: { readonly layers?: number; readonly cut?: string }): CutOption {
  return options.cut === undefined ? { kind: 'layers', layers: options.layers ?? 1 } : { kind: 'tensor', tensor: options.cut };
}
