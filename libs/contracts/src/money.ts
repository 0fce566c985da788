/**
 * Money of the example: integer minor units and an ISO 4217 currency, never a float.
 */
import { z } from 'zod';

/** The currencies the example sells in, with their number of decimals. JPY has none; KWD has three. */
export const currencyDecimals = { EUR: 2, USD: 2, GBP: 2, CHF: 2, JPY: 0, KWD: 3 } as const;

export type Currency = keyof typeof currencyDecimals;

export const currency = z.enum(Object.keys(currencyDecimals) as [Currency, ...Currency[]]);

/** At most 10^12 minor units: sums of a whole run stay exact in a double and in a bigint column. */
export const amountMinorMax = 1_000_000_000_000;

export const money = z.strictObject({ amountMinor: z.int().min(0).max(amountMinorMax), currency });

export type Money = z.infer<typeof money>;
