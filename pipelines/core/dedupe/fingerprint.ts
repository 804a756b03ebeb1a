/**
 * What dedupe keeps of a hit's identity: 64 bits of keyed hash (XXH64) of merchant and id. The seed is drawn once per
 * state and saved with it, so nobody outside knows which ids share a fingerprint.
 */
import xxhash, { type XXHashAPI } from 'xxhash-wasm'

/** Holds the words of the last identity taken, so that a hit costs no garbage but one bigint. */
export class Fingerprinter {
  hi = 0
  lo = 0
  private readonly whole = new BigUint64Array(1)
  private readonly words = new Uint32Array(this.whole.buffer)

  constructor(
    private readonly h64: XXHashAPI['h64'],
    private readonly seed: bigint,
  ) {}

  take(merchant: string, id: string): void {
    // Neither may hold a line end (core/ids.ts; api.md, Strings), so no two identities make one text.
    this.whole[0] = this.h64(`${merchant}\n${id}`, this.seed)
    this.lo = this.words[0] as number
    this.hi = this.words[1] as number
  }
}

/** Loads the WebAssembly module; the fingerprinter itself is synchronous. */
export async function createFingerprinter(seed: bigint): Promise<Fingerprinter> {
  const { h64 } = await xxhash()
  return new Fingerprinter(h64, seed)
}

/**
 * How many of `hits` different hits within one dedupe window are expected to be taken for a repeat because two identities
 * share a fingerprint: n²/2^65. At 205 million, what the default limit holds, that is one in about 900 full windows.
 */
export function expectedFalseRepeats(hits: number): number {
  return (hits * Math.max(0, hits - 1)) / 2 / 2 ** 64
}
