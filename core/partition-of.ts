/**
 * Which partition of the feed a merchant's hits go to: one for ever, for repeats are recognised and order is kept within
 * a partition. The same as Kafka's default partitioner gives for the key `merchant`, so other producers that key by
 * merchant meet ours.
 */

const seed = 0x9747b28c
const mix = 0x5bd1e995

/** A partition in 0 … partitions - 1. */
export function partitionOf(merchant: string, partitions: number): number {
  if (!Number.isSafeInteger(partitions) || partitions <= 0) {
    throw new RangeError(`a feed has a whole number of partitions above 0, got ${partitions}`)
  }
  // Kafka drops the sign bit rather than take the absolute value, of which -2^31 has none.
  return (murmur2(Buffer.from(merchant, 'utf8')) & 0x7fff_ffff) % partitions
}

/** MurmurHash2 with Kafka's seed, 32 bits, signed (org.apache.kafka.common.utils.Utils.murmur2). */
export function murmur2(data: Uint8Array): number {
  const { length } = data
  let hash = seed ^ length
  let at = 0
  for (; at + 4 <= length; at += 4) {
    let word = byte(data, at) | (byte(data, at + 1) << 8) | (byte(data, at + 2) << 16) | (byte(data, at + 3) << 24)
    word = Math.imul(word, mix)
    word ^= word >>> 24
    hash = Math.imul(hash, mix) ^ Math.imul(word, mix)
  }
  if (at < length) {
    for (let rest = length - at - 1; rest >= 0; rest--) hash ^= byte(data, at + rest) << (8 * rest)
    hash = Math.imul(hash, mix)
  }
  hash ^= hash >>> 13
  hash = Math.imul(hash, mix)
  return hash ^ (hash >>> 15)
}

function byte(data: Uint8Array, at: number): number {
  return data[at] as number
}
