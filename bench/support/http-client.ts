/** One HTTP request of a benchmark that talks to a whole server, over connections that stay open. */
import { type Agent, request } from 'node:http'

export interface Question {
  readonly url: string
  readonly agent: Agent
  readonly path: string
  /** Empty: none is sent. */
  readonly key: string
  /** JSON; undefined: GET. */
  readonly body?: string | undefined
}

export interface Reply {
  readonly status: number
  /** Parsed where it is JSON, else the text. */
  readonly body: unknown
}

export function askServer({ url, agent, path, key, body }: Question): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const headers = {
      ...(key !== '' && { authorization: `Bearer ${key}` }),
      ...(body !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
    }
    const sent = request(
      `${url}${path}`,
      { agent, method: body === undefined ? 'GET' : 'POST', headers },
      (response) => {
        const chunks: Buffer[] = []
        response.on('error', reject)
        response.on('data', (chunk) => chunks.push(chunk))
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString()
          const isJson = /json/.test(String(response.headers['content-type']))
          resolve({ status: response.statusCode ?? 0, body: isJson ? JSON.parse(text) : text })
        })
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}

/** A metric's value, over all its labels; NaN where there is none. */
export function metricOf(exposition: string, name: string): number {
  const values = [...exposition.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))]
  return values.length === 0 ? Number.NaN : values.reduce((sum, [, value]) => sum + Number(value), 0)
}
