/**
 * A Bloom filter that touches one cache line: the split block Bloom filter of Apache Parquet and Impala (after Putze,
 * Sanders, Singler: "Cache-, hash- and space-efficient Bloom filters", WEA 2007). A fingerprint picks a block of 256 bits
 * by its high word and one bit in each of the block's eight words by its low word. It answers "surely not here" or "look";
 * at 10 bits an entry it says "look" in vain once in about 80 times.
 *
 * Entries arrive sorted by their high word, so a filter is filled front to back.
 */

export const filterBitsPerEntry = 10
const wordsPerBlock = 8
const blockBits = 256

export class BlockFilter {
  private readonly blocks: number

  /** Over words of which there are eight a block: fresh ones, or those of a saved filter. */
  constructor(readonly words: Uint32Array) {
    this.blocks = words.length / wordsPerBlock
  }

  add(hi: number, lo: number): void {
    const { words } = this
    const at = Math.floor((hi * this.blocks) / 2 ** 32) * wordsPerBlock
    for (let i = 0; i < wordsPerBlock; i++) {
      words[at + i] = (words[at + i] as number) | (1 << (Math.imul(lo, salts[i] as number) >>> 27))
    }
  }

  /** False: never added. */
  mayHold(hi: number, lo: number): boolean {
    const { words } = this
    const at = Math.floor((hi * this.blocks) / 2 ** 32) * wordsPerBlock
    for (let i = 0; i < wordsPerBlock; i++) {
      if (((words[at + i] as number) & (1 << (Math.imul(lo, salts[i] as number) >>> 27))) === 0) return false
    }
    return true
  }
}

/** How many words a filter for up to `entries` has. */
export function filterWords(entries: number): number {
  return Math.max(1, Math.ceil((entries * filterBitsPerEntry) / blockBits)) * wordsPerBlock
}

/** Odd constants of the Parquet specification (BloomFilter.md). */
const salts = Int32Array.of(
  0x47b6137b,
  0x44974d91,
  0x8824ad5b,
  0xa2b7289d,
  0x705495c7,
  0x2df1424b,
  0x9efc4947,
  0x5c6bfb31,
)
