/**
 * What a frame of a socket says, and how it is answered. A frame is what `POST /v1/hits` takes, or
 * `{"seq": n, "hits": […], "sentAt"?}`, whose answer carries the same `seq`: answers do not always come in the order of
 * the frames.
 */
import type { AcceptReply } from './accept-hits.ts'
import { faultyRequest } from './problem.ts'

/** Larger frames close the socket with 1009. */
export const socketFrameMaxBytes = 1_024 * 1_024

export interface Frame {
  readonly seq: number | undefined
  /** As in the body of `POST /v1/hits`. */
  readonly body: unknown
}

/** @throws ProblemError 400 `bad_query` where `seq` is no whole number */
export function readFrame(json: unknown): Frame {
  if (!isNumbered(json)) return { seq: undefined, body: json }
  const { seq, ...body } = json
  if (Number.isSafeInteger(seq) && (seq as number) >= 0) return { seq: seq as number, body }
  throw faultyRequest([{ pointer: '/seq', code: 'bad_query', message: 'seq must be a whole number up to 2^53' }])
}

// A hit has no `seq`: without `hits` beside it, it is a field that does not exist.
function isNumbered(json: unknown): json is { readonly seq: unknown; readonly hits: unknown } {
  return typeof json === 'object' && json !== null && Object.hasOwn(json, 'seq') && Object.hasOwn(json, 'hits')
}

export function acceptedText(seq: number | undefined, { accepted, rejected, durability }: AcceptReply): string {
  const why = rejected.length === 0 ? '[]' : JSON.stringify(rejected)
  const head = seq === undefined ? '{' : `{"seq":${seq},`
  return `${head}"accepted":${accepted},"rejected":${why},"durability":"${durability}"}`
}

export interface FrameError {
  readonly code: string
  readonly message: string
  /** Seconds after which the same frame may pass. */
  readonly retryAfter?: number
}

export function errorText(seq: number | undefined, { code, message, retryAfter }: FrameError): string {
  // JSON leaves out what is undefined.
  return JSON.stringify({ seq, error: { code, message, retryAfter } })
}
