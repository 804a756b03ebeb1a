/** A segment of the log in a proof of erasure: every record decoded, hits of the erased subject found. */
import {
  checkFrame,
  decodeSegmentHeader,
  frameBytes,
  frameHeaderBytes,
  headerBytes,
} from '../../../core/log/segment-format.ts'
import { decodeHitBatch } from '../../../schemas/avro/hit-batch.ts'
import type { ErasedQuestion, Needle } from './question.ts'

export interface SegmentSearched {
  /** Records with hits that were to go. */
  readonly records: readonly { readonly offset: number; readonly byte: number }[]
  /** Where it ends before its file does, and why; null where all of it was read. */
  readonly damage: { readonly byte: number; readonly why: string } | null
}

/**
 * A record that is not whole at the very end is one that is just being written, or was torn by a crash and never answered
 * for: its bytes are searched as they are.
 */
export function searchSegment(
  bytes: Buffer,
  { question, needle }: { readonly question: ErasedQuestion; readonly needle: Needle },
): SegmentSearched {
  const header = decodeSegmentHeader(bytes)
  if ('damage' in header) return { records: [], damage: { byte: 0, why: header.damage } }
  const records: { offset: number; byte: number }[] = []
  let at = headerBytes
  for (let offset: number = header.base; at < bytes.length; offset++) {
    const verdict = checkFrame(bytes, at, header.salt, offset)
    if (verdict !== 'whole') {
      if (needle.inBytes(bytes.subarray(at)) >= 0) records.push({ offset, byte: at })
      return { records, damage: verdict === 'incomplete' ? null : { byte: at, why: `a record with ${verdict}` } }
    }
    const length = frameBytes(bytes, at)
    if (names(bytes.subarray(at + frameHeaderBytes, at + length))) records.push({ offset, byte: at })
    at += length
  }
  return { records, damage: null }

  function names(payload: Buffer): boolean {
    let batch: ReturnType<typeof decodeHitBatch>
    try {
      batch = decodeHitBatch(payload)
    } catch {
      // Nobody can say what it holds; hits are plain in it, so its bytes would name them.
      return needle.inBytes(payload) >= 0
    }
    if (batch.merchant !== question.merchant || batch.received > question.through) return false
    return question.subject.kind === 'merchant' || needle.inText(JSON.stringify(batch, amountsAsText))
  }
}

// Amounts are bigints.
const amountsAsText = (_key: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value)
