/**
 * `npm run example:access-log -- FILE[.gz]`: sends a web server's access log (Apache combined format) to a running
 * Hitlake as page views of the time they happened. Shows how to bring history in through the public API alone: a key with
 * the right `historical`, an id per line (so sending a file twice counts once), the visitor's address by
 * `X-Forwarded-For`, retries until every line is answered.
 *
 * Prints what was stored and every line it could not read; exit code 1 where a line was refused by the server.
 */
import { createHash, createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { type LogLine, parseCombined } from '../access-log/combined.ts'

const maxLinesPerRequest = 500
const requestsAtOnce = 8
const retryDelayMs = 250
/** A server that does not come back within this many tries of one request in a row is taken for gone. */
const maxTries = 240

const { values, positionals } = parseArgs({
  options: {
    url: { type: 'string', default: process.env.HITLAKE_URL ?? 'http://127.0.0.1:8080' },
    'data-dir': { type: 'string', default: process.env.HITLAKE_DATA_DIR ?? './data' },
    merchant: { type: 'string', default: 'access-log' },
  },
  allowPositionals: true,
})
const [file] = positionals
if (!file) {
  console.error('usage: npm run example:access-log -- FILE[.gz] [--merchant access-log] [--url …] [--data-dir ./data]')
  process.exit(1)
}
const { url, merchant } = values

const bytes = readFileSync(file)
const text = (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString('utf8')
const fileHash = createHash('sha256').update(text).digest('hex').slice(0, 16)
const adminKey =
  process.env.HITLAKE_ADMIN_KEY ?? JSON.parse(readFileSync(join(values['data-dir'], 'keys.json'), 'utf8')).adminKey

const { requests, unreadable } = inRequests(text)
const writeKey = await keyFor(merchant)
let accepted = 0
const refused: string[] = []
let next = 0
await Promise.all(
  Array.from({ length: requestsAtOnce }, async () => {
    for (let request = requests[next++]; request; request = requests[next++]) await send(request)
  }),
)
console.log(
  `${accepted} lines accepted, ${refused.length} refused, ${unreadable.length} not readable, of ${text.split('\n').filter(Boolean).length}`,
)
for (const report of [...unreadable, ...refused]) console.log(`  ${report}`)
process.exit(refused.length > 0 ? 1 : 0)

interface Request {
  readonly address: string
  readonly lines: { readonly number: number; readonly line: LogLine }[]
}

/** Lines of one address in a row become one request, since a request has one client address. */
function inRequests(log: string): { requests: Request[]; unreadable: string[] } {
  const requests: Request[] = []
  const unreadable: string[] = []
  for (const [index, raw] of log.split('\n').entries()) {
    if (raw === '') continue
    const number = index + 1
    const line = parseCombined(raw)
    const last = requests.at(-1)
    if (!line) unreadable.push(`line ${number}: not in combined format: ${raw.slice(0, 120)}…`)
    else if (last?.address === line.address && last.lines.length < maxLinesPerRequest) last.lines.push({ number, line })
    else requests.push({ address: line.address, lines: [{ number, line }] })
  }
  return { requests, unreadable }
}

async function send(request: Request): Promise<void> {
  const body = JSON.stringify(request.lines.map(({ number, line }) => hitOf(line, number)))
  const reply = await post('/v1/hits', writeKey, body, { 'x-forwarded-for': request.address })
  const { accepted: count = 0, rejected = [] } = reply.body as {
    accepted?: number
    rejected?: { index: number; code: string; message: string }[]
  }
  accepted += count
  for (const { index, code, message } of rejected) {
    refused.push(`line ${request.lines[index]?.number}: ${code}: ${message}`)
  }
  if (reply.status !== 202 && rejected.length === 0) {
    refused.push(`lines ${request.lines.map(({ number }) => number).join(', ')}: ${JSON.stringify(reply.body)}`)
  }
}

function hitOf(line: LogLine, number: number): object {
  return {
    id: `${fileHash}-${number}`,
    name: 'page_view',
    time: line.time,
    visitor: createHmac('sha256', adminKey)
      .update(`${merchant}\n${line.address}\n${line.userAgent}`)
      .digest('base64url')
      .slice(0, 22),
    url: line.path,
    ...(line.referrer !== null && { referrer: line.referrer }),
    context: { userAgent: line.userAgent },
  }
}

/** A write key of the merchant that may send history; the merchant is made where it is missing. */
async function keyFor(id: string): Promise<string> {
  const made = await post(
    '/v1/admin/merchants',
    adminKey,
    JSON.stringify({ id, name: 'Access log', timeZone: 'UTC', currency: 'USD', rights: ['historical'] }),
  )
  if (made.status === 201) return (made.body as { writeKey: string }).writeKey
  if (made.status !== 409) throw new Error(`the merchant could not be made: ${JSON.stringify(made.body)}`)
  const more = await post(
    `/v1/admin/merchants/${id}/keys`,
    adminKey,
    JSON.stringify({ kind: 'server', rights: ['write', 'historical'] }),
  )
  if (more.status !== 201) throw new Error(`no key for ${id}: ${JSON.stringify(more.body)}`)
  return (more.body as { key: string }).key
}

/** Sends until there is an answer that is not "later": the ids make repeats safe. */
async function post(
  path: string,
  key: string,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ status: number; body: unknown }> {
  for (let tries = 1; ; tries++) {
    try {
      const response = await fetch(url + path, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
        body,
      })
      const answer = { status: response.status, body: await response.json() }
      if (answer.status !== 429 && answer.status !== 503) return answer
    } catch (error) {
      if (tries >= maxTries) throw new Error(`no answer from ${url}; is it running?`, { cause: error })
    }
    await new Promise((resolve) => setTimeout(resolve, retryDelayMs))
  }
}
