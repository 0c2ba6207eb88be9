// Schemas that several operations share.
import { z } from 'zod';

export const text = z.string().max(200);
/** A name that is told: it was looked at when it came. */
export const toldName = z.string().max(200);
export const nothing = z.strictObject({});
export const count = z.int().nonnegative();
