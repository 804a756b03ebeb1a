/**
 * Imports an access log in Apache's combined format, plain or gzip, whatever its size: read as a stream, twice. The first
 * time gives its hash, under which the server keeps how far it came; the second time its lines.
 */
import { createHash } from 'node:crypto'
import { closeSync, createReadStream, openSync, readSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { importMaxLines } from '../../gateway/core/imports.ts'
import { type LogLine, parseCombined } from '../access-log/combined.ts'
import type { ImportLine, Stretch } from './send-lines.ts'

/** Longer lines are reported and left out. */
export const lineMaxLength = 64 * 1_024

export interface LogFile {
  /** SHA-256 of the uncompressed content, hex: the same log is the same however it is packed. */
  readonly hash: string
  readonly lines: number
}

export interface BadLine {
  /** From 1, as editors count. */
  readonly number: number
  readonly reason: string
  readonly text: string
}

function contentOf(path: string): Readable {
  const file = createReadStream(path)
  if (!isGzip(path)) return file
  const unpacked = createGunzip()
  file.on('error', (error) => unpacked.destroy(error))
  return file.pipe(unpacked)
}

function isGzip(path: string): boolean {
  const descriptor = openSync(path, 'r')
  try {
    const head = Buffer.alloc(2)
    return readSync(descriptor, head, 0, 2, 0) === 2 && head[0] === 0x1f && head[1] === 0x8b
  } finally {
    closeSync(descriptor)
  }
}

const lineEnd = 0x0a

/** Reads all of it once. @throws what reading or unpacking throws */
export async function surveyLog(path: string): Promise<LogFile> {
  const hash = createHash('sha256')
  let lines = 0
  let last = lineEnd
  for await (const chunk of contentOf(path) as AsyncIterable<Buffer>) {
    hash.update(chunk)
    for (let at = chunk.indexOf(lineEnd); at >= 0; at = chunk.indexOf(lineEnd, at + 1)) lines += 1
    last = chunk[chunk.length - 1] ?? last
  }
  return { hash: hash.digest('hex'), lines: last === lineEnd ? lines : lines + 1 }
}

/** The log's lines from `from` (0 for the first) on as hits; what is no line of the format goes to `onBad`. */
export async function* logStretches(
  path: string,
  from: number,
  onBad: (line: BadLine) => void,
): AsyncGenerator<Stretch> {
  let start = from
  let number = 0
  let held: ImportLine[] = []
  const lines = createInterface({ input: contentOf(path), crlfDelay: Number.POSITIVE_INFINITY })
  for await (const text of lines) {
    const line = number
    number += 1
    const entry = text.length > lineMaxLength ? undefined : parseCombined(text)
    if (entry === undefined) {
      if (text !== '') onBad({ number: number, reason: reasonOf(text), text: text.slice(0, 120) })
    } else if (line >= from) held.push({ line, address: entry.address, hit: hitOf(entry) })
    if (line >= from && number - start === importMaxLines) {
      yield { from: start, to: number, lines: held }
      start = number
      held = []
    }
  }
  if (number > start) yield { from: start, to: number, lines: held }
}

function reasonOf(text: string): string {
  return text.length > lineMaxLength ? `longer than ${lineMaxLength} characters` : 'not in combined format'
}

/** Every request of a log is a page view of the time it was made; status and method are kept as properties. */
function hitOf(line: LogLine): object {
  return {
    name: 'page_view',
    time: line.time,
    url: line.path,
    ...(line.referrer !== null && { referrer: line.referrer }),
    props: { method: line.method, status: line.status },
    context: { userAgent: line.userAgent },
  }
}
