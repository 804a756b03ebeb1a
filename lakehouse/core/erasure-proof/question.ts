/** What a proof of erasure looks for: whose traces, up to when, and in which forms files may hold them. */
import type { ErasedHits } from '../../../core/ports/erasure-store.ts'
import { int64, lowerStringBound, upperStringBound } from '../iceberg/single-value.ts'

export interface ErasedQuestion extends ErasedHits {
  /** Of an erased visitor, under the seed the merchant has; null where it has none, and for other subjects. */
  readonly visitorHash: bigint | null
}

/**
 * Bytes a value must have to be looked for inside other bytes and longer texts. Shorter ones turn up there by chance; they
 * are looked for as whole values, and as strings in JSON.
 */
export const wordMinBytes = 6

export interface Needle {
  /** The value; null for a whole merchant, whose rows and records tell it by their own merchant. */
  readonly value: string | null
  /** Texts that name it wherever they occur within another text. */
  readonly words: readonly string[]
  /** Whether bytes that nobody decodes are worth a look. */
  readonly looksIntoBytes: boolean
  inText(text: string): boolean
  /** Where it begins; -1 where it does not. */
  inBytes(bytes: Buffer): number
  /** `cut`: the bound is one of many values that begin alike. */
  asBound(bytes: Buffer): 'exact' | 'cut' | null
}

export function createNeedle({ merchant, subject, visitorHash }: ErasedQuestion): Needle {
  const hashBytes = visitorHash === null ? null : int64(visitorHash)
  const isHash = (bytes: Buffer) => hashBytes?.equals(bytes) === true
  if (subject.kind === 'merchant') {
    const whole = Buffer.from(merchant)
    const own = [lowerStringBound(merchant), upperStringBound(merchant)]
    return {
      value: null,
      words: [],
      looksIntoBytes: false,
      inText: () => false,
      inBytes: () => -1,
      asBound(bytes) {
        if (bytes.equals(whole)) return 'exact'
        return own.some((bound) => bound?.equals(bytes)) ? 'cut' : null
      },
    }
  }
  const { value } = subject
  const asUtf8 = Buffer.from(value)
  const isWord = asUtf8.length >= wordMinBytes
  const token = JSON.stringify(value)
  // JSON within a string of JSON: escaped once more.
  const tokens = [token, JSON.stringify(token).slice(1, -1)]
  const words = [...new Set(isWord ? [value, ...tokens.map((each) => each.replace(/^\\?"|\\?"$/g, ''))] : tokens)]
  const wordBytes = words.map((word) => Buffer.from(word))
  const cutBounds = [lowerStringBound(value), upperStringBound(value)]
  const inBytes = (bytes: Buffer) => {
    const found = wordBytes.map((word) => bytes.indexOf(word)).filter((at) => at >= 0)
    return found.length === 0 ? -1 : Math.min(...found)
  }
  return {
    value,
    words,
    looksIntoBytes: isWord,
    inText: (text) => text === value || words.some((word) => text.includes(word)),
    inBytes,
    asBound(bytes) {
      if (bytes.equals(asUtf8) || isHash(bytes) || (isWord && inBytes(bytes) >= 0)) return 'exact'
      return cutBounds.some((bound) => bound?.equals(bytes)) ? 'cut' : null
    },
  }
}
