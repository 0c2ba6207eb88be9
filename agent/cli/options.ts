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

export type CutOption = { readonly kind: 'layers'; readonly layers: number } | { readonly kind: 'tensor'; readonly tensor: string };

/** What `--layers` and `--cut` say together; one layer unless told. */
export function cutOf(options: { readonly layers?: number; readonly cut?: string }): CutOption {
  return options.cut === undefined ? { kind: 'layers', layers: options.layers ?? 1 } : { kind: 'tensor', tensor: options.cut };
}
