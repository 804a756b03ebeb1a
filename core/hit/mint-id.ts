/** Ids for hits that came without one: 128 random bits in base64url, 22 characters. */
import type { Random } from '../ports/clock.ts'

const idBytes = 16
/** Random bytes drawn at once: asking the system for each id would cost more than the rest of the hit. */
export const mintPoolBytes = 4_096

/** A function that returns a new id at every call. */
export function createIdMint(random: Random): () => string {
  let pool: Buffer = Buffer.alloc(0)
  let at = 0
  return () => {
    if (at + idBytes > pool.length) {
      const drawn = random.bytes(mintPoolBytes)
      pool = Buffer.from(drawn.buffer, drawn.byteOffset, drawn.byteLength)
      at = 0
    }
    at += idBytes
    return pool.toString('base64url', at - idBytes, at)
  }
}
