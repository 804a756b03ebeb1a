/**
 * Objects in a bucket, below a prefix. What the port promises rests on the server: a write is durable when it is answered,
 * a name is read as it was last written (AWS and versitygw both), and `If-None-Match: *` lets one of many writers win
 * (versitygw from 1.8 on takes a lock for it; `s3-object-store.cluster.test.ts` races it).
 */
import { createWriteStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import {
  DeleteObjectCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import type { Random, Timers } from '../../ports/clock.ts'
import type { ObjectStore } from '../../ports/object-store.ts'
import { byCodePoint } from '../disk-path.ts'
import { checkedObjectName } from '../object-name.ts'
import { LocalCopies } from './local-copies.ts'
import {
  type Attempts,
  attempt,
  isMissing,
  type S3Access,
  s3Client,
  s3MaxAttempts,
  s3RetryMinMs,
  statusOf,
} from './s3-calls.ts'
import { isWrittenBy, type Upload, upload, writeMark } from './s3-upload.ts'

export interface S3ObjectStoreOptions extends S3Access {
  readonly bucket: string
  /** Names are put behind it and a `/`; empty: the bucket itself. */
  readonly prefix: string
  /** A folder of this machine for copies, nobody else's; emptied now. */
  readonly scratch: string
  readonly timers: Timers
  readonly random: Random
  readonly maxAttempts?: number
  readonly retryMinMs?: number
}

export interface S3ObjectStore extends ObjectStore {
  /** Ends connections and removes the copies. */
  close(): Promise<void>
}

/** The store; the server is not asked anything yet, so it may be away. */
export async function s3ObjectStore(options: S3ObjectStoreOptions): Promise<S3ObjectStore> {
  return new BucketStore(options, await LocalCopies.open(options.scratch))
}

const markBytes = 12

class BucketStore implements S3ObjectStore {
  readonly #client: S3Client
  readonly #attempts: Attempts
  readonly #bucket: string
  /** What names are put behind: empty, or with a closing `/`. */
  readonly #root: string
  readonly #random: Random
  readonly #copies: LocalCopies

  constructor(options: S3ObjectStoreOptions, copies: LocalCopies) {
    const { bucket, prefix, timers, random } = options
    this.#client = s3Client(options)
    this.#attempts = {
      timers,
      maxAttempts: options.maxAttempts ?? s3MaxAttempts,
      retryMinMs: options.retryMinMs ?? s3RetryMinMs,
    }
    this.#bucket = bucket
    this.#root = prefix === '' ? '' : `${prefix}/`
    this.#random = random
    this.#copies = copies
  }

  async put(name: string, body: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
    await upload(this.#upload(this.#key(name)), body)
    await this.#copies.forget(name)
  }

  async putIfAbsent(name: string, body: Uint8Array): Promise<boolean> {
    const key = this.#key(name)
    const target = this.#upload(key)
    const command = new PutObjectCommand({
      Bucket: this.#bucket,
      Key: key,
      Body: body,
      IfNoneMatch: '*',
      Metadata: { [writeMark]: target.mark },
    })
    const taken = (error: unknown) => statusOf(error) === 412
    return attempt(this.#attempts, 'put if absent', key, async () => {
      try {
        await this.#client.send(command)
        return true
      } catch (error) {
        if (!taken(error)) throw error
        // The writer it lost to may be its own attempt before, whose answer was lost.
        return isWrittenBy(target).catch((cause) => {
          if (isMissing(cause)) return false // removed since
          throw cause
        })
      }
    })
  }

  async get(name: string): Promise<Buffer | undefined> {
    return this.#read('get', this.#key(name), undefined, wholeBody)
  }

  async getRange(name: string, at: number, length: number): Promise<Buffer | undefined> {
    const key = this.#key(name)
    if (length === 0) return (await this.size(name)) === undefined ? undefined : Buffer.alloc(0)
    return this.#read('get range', key, `bytes=${at}-${at + length - 1}`, async (answer) => {
      const body = await wholeBody(answer)
      // A server that knows no ranges sends all of it.
      return answer.ContentRange === undefined ? body.subarray(at, at + length) : body
    })
  }

  async remove(name: string): Promise<void> {
    const key = this.#key(name)
    await this.#unlessMissing('remove', key, () =>
      this.#client.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key: key })),
    )
    await this.#copies.forget(name)
  }

  async list(prefix: string): Promise<readonly string[]> {
    const names: string[] = []
    let token: string | undefined
    do {
      const page: ListObjectsV2CommandOutput = await attempt(this.#attempts, 'list', this.#root + prefix, () =>
        this.#client.send(
          new ListObjectsV2Command({
            Bucket: this.#bucket,
            Prefix: this.#root + prefix,
            ...(token === undefined ? {} : { ContinuationToken: token }),
          }),
        ),
      )
      for (const { Key } of page.Contents ?? []) {
        const name = (Key ?? '').slice(this.#root.length)
        if (isObjectName(name)) names.push(name)
      }
      token = page.IsTruncated ? page.NextContinuationToken : undefined
    } while (token !== undefined)
    return names.sort(byCodePoint)
  }

  async size(name: string): Promise<number | undefined> {
    const key = this.#key(name)
    const found = await this.#unlessMissing('size', key, () =>
      this.#client.send(new HeadObjectCommand({ Bucket: this.#bucket, Key: key })),
    )
    return found && (found.ContentLength ?? 0)
  }

  async localPath(name: string): Promise<string> {
    const key = this.#key(name)
    return this.#copies.path(name, async (path) => {
      const copied = await this.#read('download', key, undefined, async (answer) => {
        const file = createWriteStream(path)
        await pipeline(answer.Body as Readable, file)
        checkLength(answer, file.bytesWritten)
        return true
      })
      if (!copied) throw new RangeError(`no object ${name}`)
    })
  }

  async forgetLocal(name: string): Promise<void> {
    this.#key(name)
    await this.#copies.forget(name)
  }

  async close(): Promise<void> {
    this.#client.destroy()
    await this.#copies.close()
  }

  #key(name: string): string {
    return this.#root + checkedObjectName(name)
  }

  #upload(key: string): Upload {
    const mark = Buffer.from(this.#random.bytes(markBytes)).toString('hex')
    return { client: this.#client, attempts: this.#attempts, bucket: this.#bucket, key, mark }
  }

  /** What `take` makes of the answer, reading its body included; undefined where there is no such object. */
  async #read<T>(
    call: string,
    key: string,
    range: string | undefined,
    take: (answer: GetObjectCommandOutput) => Promise<T>,
  ): Promise<T | Buffer | undefined> {
    const asked = { Bucket: this.#bucket, Key: key, ...(range === undefined ? {} : { Range: range }) }
    const beyond = (error: unknown) => range !== undefined && statusOf(error) === 416
    try {
      return await attempt(
        this.#attempts,
        call,
        key,
        async () => take(await this.#client.send(new GetObjectCommand(asked))),
        (error) => isMissing(error) || beyond(error),
      )
    } catch (error) {
      if (isMissing(error)) return undefined
      if (beyond(error)) return Buffer.alloc(0)
      throw error
    }
  }

  async #unlessMissing<T>(call: string, key: string, run: () => Promise<T>): Promise<T | undefined> {
    try {
      return await attempt(this.#attempts, call, key, run, isMissing)
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
  }
}

async function wholeBody(answer: GetObjectCommandOutput): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of answer.Body as Readable) {
    chunks.push(chunk as Buffer)
    bytes += (chunk as Buffer).length
  }
  checkLength(answer, bytes)
  return Buffer.concat(chunks, bytes)
}

/** A connection that breaks off can look like the end of the body. */
function checkLength(answer: GetObjectCommandOutput, bytes: number): void {
  if (answer.ContentLength !== undefined && answer.ContentLength !== bytes) {
    throw new Error(`the body broke off after ${bytes} of ${answer.ContentLength} bytes`)
  }
}

/** A server over a file system may list folders and its own temporary files. */
function isObjectName(name: string): boolean {
  try {
    return checkedObjectName(name) === name
  } catch {
    return false
  }
}
