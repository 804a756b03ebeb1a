/** S3 by versitygw: each object of the bucket `lake` is a plain file under `<folder>/lake`. */
import { createHash, createHmac } from 'node:crypto'
import { mkdirSync } from 'node:fs'

export const s3ReadyLimitMs = 30_000
export const s3Region = 'us-east-1'
export const s3Bucket = 'lake'

/**
 * @param {{ folder: string, log: string, port: number, keys: { access: string, secret: string }, installed: import('./servers.d.mts').Installed['s3'] }} options
 * @returns {import('./server.mjs').Definition}
 */
export function defineS3({ folder, log, port, keys, installed }) {
  const endpoint = `http://127.0.0.1:${port}`
  return {
    name: 's3',
    port,
    log,
    cwd: folder,
    // `--keep-alive`: as every other S3; without it each request opens a connection.
    command: [
      installed.binary,
      '--port',
      `127.0.0.1:${port}`,
      '--region',
      s3Region,
      '--quiet',
      '--keep-alive',
      'posix',
      folder,
    ],
    env: { ROOT_ACCESS_KEY: keys.access, ROOT_SECRET_KEY: keys.secret },
    readyLimitMs: s3ReadyLimitMs,
    async prepare() {
      mkdirSync(folder, { recursive: true })
    },
    async probe() {
      const { status } = await fetch(endpoint, { signal: AbortSignal.timeout(2_000) })
      // An unsigned request is refused; that is an answer.
      if (status >= 500) throw new Error(`HTTP ${status}`)
    },
    async populate() {
      const response = await fetch(`${endpoint}/${s3Bucket}`, {
        method: 'PUT',
        headers: signature({ port, keys, path: `/${s3Bucket}`, now: new Date() }),
        signal: AbortSignal.timeout(10_000),
      })
      const said = await response.text()
      if (!response.ok && !/BucketAlready(OwnedByYou|Exists)/.test(said)) {
        throw new Error(`making the bucket ${s3Bucket} answered HTTP ${response.status}: ${said}`)
      }
    },
  }
}

/**
 * AWS Signature Version 4 of a PUT without a body. By hand, so that servers start without a client library.
 * @param {{ port: number, keys: { access: string, secret: string }, path: string, now: Date }} request
 * @returns {Record<string, string>} headers to send
 */
function signature({ port, keys, path, now }) {
  const date = now.toISOString().replace(/[-:]|\.\d+/g, '')
  const day = date.slice(0, 8)
  const body = sha256('')
  const signed = 'host;x-amz-content-sha256;x-amz-date'
  const canonical = `PUT\n${path}\n\nhost:127.0.0.1:${port}\nx-amz-content-sha256:${body}\nx-amz-date:${date}\n\n${signed}\n${body}`
  const scope = `${day}/${s3Region}/s3/aws4_request`
  const key = [day, s3Region, 's3', 'aws4_request'].reduce(hmac, `AWS4${keys.secret}`)
  const proof = hmac(key, `AWS4-HMAC-SHA256\n${date}\n${scope}\n${sha256(canonical)}`).toString('hex')
  return {
    'x-amz-content-sha256': body,
    'x-amz-date': date,
    authorization: `AWS4-HMAC-SHA256 Credential=${keys.access}/${scope}, SignedHeaders=${signed}, Signature=${proof}`,
  }
}

/** @param {string} text */
function sha256(text) {
  return createHash('sha256').update(text).digest('hex')
}

/**
 * @param {string | Buffer} key
 * @param {string} text
 */
function hmac(key, text) {
  return createHmac('sha256', key).update(text).digest()
}
