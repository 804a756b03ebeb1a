/**
 * Calls to S3 with one rule for trouble: what may succeed later is tried again a bounded number of times and is then an
 * ObjectStoreUnavailableError; what will not is an ObjectStoreRefusedError at once. The SDK's own retries are off, so that
 * reading a body is part of an attempt and pauses come from the timers given.
 */
import { S3Client, S3ServiceException } from '@aws-sdk/client-s3'
import { ObjectStoreRefusedError, ObjectStoreUnavailableError } from '../../errors.ts'
import { sleep, type Timers } from '../../ports/clock.ts'

/** Attempts of one call, the first included. */
export const s3MaxAttempts = 5
/** Pause after the first failed attempt; doubled by each further one up to `s3RetryMaxMs`. */
export const s3RetryMinMs = 100
export const s3RetryMaxMs = 2_000
export const s3ConnectTimeoutMs = 5_000
/** Of a request without an answer, and of a body that stands still. */
export const s3RequestTimeoutMs = 30_000
/** Requests under way at once; others wait for a connection. */
export const s3MaxConnections = 64

export interface S3Access {
  /** `http://host:port` of a server other than AWS; empty: AWS. */
  readonly endpoint?: string
  readonly region: string
  /** Empty: the SDK's own search (environment, profile, role). */
  readonly accessKey?: string
  readonly secretKey?: string
  readonly requestTimeoutMs?: number
}

export function s3Client(access: S3Access): S3Client {
  const timeout = access.requestTimeoutMs ?? s3RequestTimeoutMs
  return new S3Client({
    ...(access.endpoint ? { endpoint: access.endpoint } : {}),
    ...(access.accessKey
      ? { credentials: { accessKeyId: access.accessKey, secretAccessKey: access.secretKey ?? '' } }
      : {}),
    region: access.region,
    forcePathStyle: true,
    maxAttempts: 1,
    // Other servers than AWS do not know the checksums that the SDK adds by itself.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: s3ConnectTimeoutMs,
      requestTimeout: timeout,
      throwOnRequestTimeout: true,
      socketTimeout: timeout,
      httpAgent: { maxSockets: s3MaxConnections, keepAlive: true },
      httpsAgent: { maxSockets: s3MaxConnections, keepAlive: true },
    },
  })
}

/** What S3 answered instead of doing it; undefined where the error is not an answer. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined
}

/** There is no such object: also where the name of one is a folder's, or a folder's name is an object's, in a file system. */
export function isMissing(error: unknown): boolean {
  return statusOf(error) === 404 && nameOf(error) !== 'NoSuchBucket' && nameOf(error) !== 'NoSuchUpload'
}

export function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : String(error)
}

export interface Attempts {
  readonly timers: Timers
  readonly maxAttempts: number
  readonly retryMinMs: number
}

/**
 * The result of `run`, tried again while the error says that it may succeed later.
 * @throws ObjectStoreUnavailableError, ObjectStoreRefusedError, or the error itself where `expected` claims it: that is an
 * answer, which the caller reads
 */
export async function attempt<T>(
  { timers, maxAttempts, retryMinMs }: Attempts,
  call: string,
  object: string,
  run: () => Promise<T>,
  expected: (error: unknown) => boolean = () => false,
): Promise<T> {
  for (let tried = 1; ; tried++) {
    try {
      return await run()
    } catch (error) {
      if (expected(error)) throw error
      const refusal = refusalOf(error)
      if (refusal !== undefined) throw new ObjectStoreRefusedError(call, object, refusal, { cause: error })
      if (tried >= maxAttempts) throw new ObjectStoreUnavailableError(call, object, tried, { cause: error })
      await sleep(timers, Math.min(s3RetryMaxMs, retryMinMs * 2 ** (tried - 1)))
    }
  }
}

/** 409: another conditional write of the name is under way, which AWS asks to try again. */
const retriedStatuses = [408, 409, 429]
const retriedNames = ['RequestTimeout', 'SlowDown', 'InternalError', 'ServiceUnavailable']

function refusalOf(error: unknown): string | undefined {
  if (nameOf(error) === 'CredentialsProviderError') return 'no credentials'
  const status = statusOf(error)
  if (status === undefined || status >= 500 || status < 400) return undefined
  if (retriedStatuses.includes(status) || retriedNames.includes(nameOf(error))) return undefined
  return `${status} ${nameOf(error)}`
}
