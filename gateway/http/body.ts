/**
 * The body of a collecting request: read under limits of bytes and time, unpacked, checked to be UTF-8, parsed. Every way
 * a body can be wrong has its code; none of them makes the server wait, swell or fail.
 */
import { isAscii, isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import { gunzip } from 'node:zlib'
import { knowText, type TextKnowledge } from '../../core/hit/text.ts'
import type { Timers } from '../../core/ports/clock.ts'
import { ProblemError } from '../core/problem.ts'

export const defaultBodyMaxBytes = 4 * 1_024 * 1_024
/** From the first byte of the body asked for to its last. */
export const defaultBodyMaxMs = 15_000

/**
 * A body over the limit is read on and forgotten up to this many times the limit before it is refused: a client that is
 * still writing would lose the answer with the connection.
 */
export const forgottenShare = 4

export interface BodyLimits {
  readonly maxBytes: number
  readonly maxMs: number
}

export interface ParsedBody {
  readonly json: unknown
  /** What its bytes tell of the strings in it. */
  readonly text: TextKnowledge
}

export type BodyCallback = (error: Error | null, body?: ParsedBody) => void

/**
 * Reads, unpacks (`Content-Encoding: gzip`) and parses the body, then calls `done` once.
 * Problems: 413 `body_too_large`, 408 `request_timeout`, 400 `bad_json`, 415 `bad_content_type` for another encoding.
 */
export function readJsonBody(request: IncomingMessage, timers: Timers, limits: BodyLimits, done: BodyCallback): void {
  const encoding = request.headers['content-encoding']?.trim().toLowerCase() ?? 'identity'
  if (encoding !== 'identity' && encoding !== 'gzip') {
    done(new ProblemError(415, 'bad_content_type', 'a body may be packed with gzip, with nothing else'))
    return
  }
  readBytes(request, timers, limits, (error, packed) => {
    if (packed === undefined) return done(error)
    if (encoding === 'identity') return parse(packed, done)
    // The limit stops the unpacking itself: a bomb never gets to be memory.
    gunzip(packed, { maxOutputLength: limits.maxBytes }, (failure, bytes) => {
      if (failure === null) return parse(bytes, done)
      const tooLarge = (failure as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
      done(tooLarge ? bodyTooLarge(limits) : new ProblemError(400, 'bad_json', 'the body says it is gzip and is not'))
    })
  })
}

function readBytes(
  request: IncomingMessage,
  timers: Timers,
  limits: BodyLimits,
  done: (error: Error | null, bytes?: Buffer) => void,
): void {
  const forgottenMaxBytes = limits.maxBytes * forgottenShare
  // So long a body is not even read to be forgotten.
  if (Number(request.headers['content-length'] ?? 0) > forgottenMaxBytes) {
    done(bodyTooLarge(limits))
    return
  }
  let chunks: Buffer[] = []
  let length = 0
  const cancelTimer = timers.after(limits.maxMs, () => {
    const detail = `the body took longer than ${limits.maxMs / 1000} s; send it again`
    finish(new ProblemError(408, 'request_timeout', detail))
  })
  const finish = (error: Error | null, bytes?: Buffer) => {
    cancelTimer()
    request.off('data', onData).off('end', onEnd).off('error', onLost)
    if (error !== null) request.on('error', () => {}).resume()
    done(error, bytes)
  }
  const onData = (chunk: Buffer) => {
    length += chunk.length
    if (length <= limits.maxBytes) chunks.push(chunk)
    else if (length <= forgottenMaxBytes) chunks = []
    else finish(bodyTooLarge(limits))
  }
  const onEnd = () => {
    if (length > limits.maxBytes) return finish(bodyTooLarge(limits))
    const [only] = chunks
    finish(null, chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, length))
  }
  const onLost = () => finish(new ProblemError(400, 'bad_request', 'the connection ended before the body did'))
  request.on('data', onData).on('end', onEnd).on('error', onLost)
}

function parse(bytes: Buffer, done: BodyCallback): void {
  let body: ParsedBody
  try {
    body = parseJson(bytes)
  } catch (error) {
    done(error as Error)
    return
  }
  done(null, body)
}

/** JSON in UTF-8. `__proto__` becomes a key like others, the last of equal keys wins. @throws ProblemError `bad_json` */
export function parseJson(bytes: Buffer): ParsedBody {
  // ASCII is by far the most common and has a faster way into a string.
  const ascii = isAscii(bytes)
  if (!ascii && !isUtf8(bytes)) throw new ProblemError(400, 'bad_json', 'the body is not UTF-8')
  try {
    const json: unknown = JSON.parse(ascii ? bytes.toString('latin1') : bytes.toString('utf8'))
    return { json, text: knowText(bytes, ascii ? 'ASCII' : 'any') }
  } catch (cause) {
    const detail = bytes.length === 0 ? 'the body is empty' : 'the body is not JSON'
    throw new ProblemError(400, 'bad_json', detail, {}, { cause })
  }
}

function bodyTooLarge({ maxBytes }: BodyLimits): ProblemError {
  return new ProblemError(
    413,
    'body_too_large',
    `a body, unpacked too, may have ${maxBytes} bytes; send smaller batches`,
  )
}
