/**
 * Bodies on their way to S3: one PutObject up to the size of a part, beyond it an upload in parts, of which three at most
 * are in memory. An upload in parts that fails is given up, so that its parts take no room; the object shows nothing of it.
 */
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { type Attempts, attempt, nameOf } from './s3-calls.ts'

export const s3PartBytes = 8 * 1_048_576
/** Of one upload: S3's own limit, so no object is larger than 80 GB. */
export const s3MaxParts = 10_000

/** Whose write an object is: what a repeated request finds may be its own first attempt. */
export const writeMark = 'hitlake-write'

export interface Upload {
  readonly client: S3Client
  readonly attempts: Attempts
  readonly bucket: string
  readonly key: string
  /** Unlike that of any other write. */
  readonly mark: string
}

/** @throws RangeError for a body of more than `s3MaxParts` parts; whatever the body throws */
export async function upload(target: Upload, body: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
  const parts = body instanceof Uint8Array ? cut(body) : gather(body)
  try {
    const first = await parts.next()
    const second = await parts.next()
    if (second.done) return await putWhole(target, first.done ? new Uint8Array() : first.value)
    await putInParts(target, [first.value as Uint8Array, second.value], parts)
  } finally {
    await parts.return(undefined)
  }
}

async function putWhole({ client, attempts, bucket, key, mark }: Upload, body: Uint8Array): Promise<void> {
  const command = { Bucket: bucket, Key: key, Body: body, Metadata: { [writeMark]: mark } }
  await attempt(attempts, 'put', key, () => client.send(new PutObjectCommand(command)))
}

async function putInParts(
  target: Upload,
  begun: readonly Uint8Array[],
  rest: AsyncIterator<Uint8Array>,
): Promise<void> {
  const { client, attempts, bucket, key, mark } = target
  const { UploadId: id } = await attempt(attempts, 'begin upload', key, () =>
    client.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key: key, Metadata: { [writeMark]: mark } })),
  )
  const place = { Bucket: bucket, Key: key, UploadId: id }
  const made: { readonly PartNumber: number; readonly ETag: string | undefined }[] = []
  const put = async (part: Uint8Array) => {
    const number = made.length + 1
    if (number > s3MaxParts) throw new RangeError(`${key} has more than ${s3MaxParts} parts of ${s3PartBytes} bytes`)
    const command = { ...place, PartNumber: number, Body: part }
    const { ETag } = await attempt(attempts, 'put part', key, () => client.send(new UploadPartCommand(command)))
    made.push({ PartNumber: number, ETag })
  }
  try {
    for (const part of begun) await put(part)
    for (let next = await rest.next(); !next.done; next = await rest.next()) await put(next.value)
    await attempt(attempts, 'end upload', key, async () => {
      try {
        await client.send(new CompleteMultipartUploadCommand({ ...place, MultipartUpload: { Parts: made } }))
      } catch (error) {
        // An attempt before this one may have ended it, and its answer was lost.
        if (nameOf(error) !== 'NoSuchUpload' || !(await isWrittenBy(target))) throw error
      }
    })
  } catch (error) {
    // Best effort: what stays is for the bucket's own rule on unfinished uploads.
    await client.send(new AbortMultipartUploadCommand(place)).catch(() => undefined)
    throw error
  }
}

/** Whether the object there is now was written by this very write. */
export async function isWrittenBy({ client, bucket, key, mark }: Upload): Promise<boolean> {
  const found = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }))
  return found.Metadata?.[writeMark] === mark
}

async function* cut(body: Uint8Array): AsyncGenerator<Uint8Array, undefined> {
  for (let at = 0; at < body.length; at += s3PartBytes) yield body.subarray(at, at + s3PartBytes)
}

async function* gather(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, undefined> {
  let part: Buffer = Buffer.alloc(0)
  let filled = 0
  for await (const chunk of body) {
    // Copied into the part: the source may fill the same buffer again for its next chunk.
    for (let at = 0; at < chunk.length; ) {
      if (filled === part.length) part = grown(part)
      const taken = Buffer.from(chunk.buffer, chunk.byteOffset + at, chunk.length - at).copy(part, filled)
      at += taken
      filled += taken
      if (filled < s3PartBytes) continue
      yield part
      part = Buffer.alloc(0)
      filled = 0
    }
  }
  if (filled > 0) yield part.subarray(0, filled)
}

const smallestPartBytes = 65_536

function grown(part: Buffer): Buffer {
  const larger = Buffer.allocUnsafe(Math.min(s3PartBytes, Math.max(smallestPartBytes, part.length * 2)))
  part.copy(larger)
  return larger
}
