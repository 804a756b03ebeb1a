/**
 * The keyed 63-bit hash that visitors are counted by: XXH64 (Yann Collet's xxHash, 64-bit variant) under the merchant's
 * seed, top bit cleared so that it is a non-negative signed 64-bit number in every engine. Without the seed a hash
 * cannot be tied to a visitor by trying names, so dropping the seed shreds all hashes made with it; one visitor has
 * unlike hashes at two merchants. XXH64 is no cryptographic hash: who can choose visitor ids can make two collide, and
 * by that lowers only the count of the merchant they send to.
 */
import xxhash from 'xxhash-wasm'

const seedPattern = /^[0-9a-f]{16}$/

export interface Hasher {
  /**
   * In [0, 2^63). `seedHex` is 16 lower-case hex digits.
   * @throws RangeError where it is not
   */
  visitorHash(seedHex: string, visitor: string): bigint
}

/** Loads the WebAssembly module once; the hasher itself is synchronous. */
export async function createHasher(): Promise<Hasher> {
  const { h64 } = await xxhash()
  // Hits come in batches of one merchant, so the last seed is nearly always the next one too.
  let lastHex = ''
  let lastSeed = 0n
  return {
    visitorHash(seedHex, visitor) {
      if (seedHex !== lastHex) {
        if (!seedPattern.test(seedHex)) throw new RangeError('a visitor seed is 16 lower-case hex digits')
        lastSeed = BigInt(`0x${seedHex}`)
        lastHex = seedHex
      }
      return BigInt.asUintN(63, h64(visitor, lastSeed))
    },
  }
}
