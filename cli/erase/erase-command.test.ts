import { describe, expect, it } from 'vitest'
import type { ErasureView } from '../../gateway/core/erasure-requests.ts'
import type { Api } from '../client/api.ts'
import { type EraseContext, type EraseOptions, eraseHits, listErasures } from './erase-command.ts'

const erasureOf = (id: number, more: Partial<ErasureView> = {}): ErasureView => ({
  ...{ id, merchant: 'shop', visitor: 'v-1', state: 'asked', by: 'me' },
  ...{ through: '2026-03-01T10:00:00.000Z', askedAt: '2026-03-01T10:00:00.000Z', movedAt: '2026-03-01T10:00:00.000Z' },
  ...more,
})

/** What was sent, and lines that came out. `pages` answer one after the other. */
function world(pages: readonly object[], answer: boolean | null = null) {
  const sent: unknown[] = []
  const lines: string[] = []
  const questions: string[] = []
  const left = [...pages]
  const reply = () => ({ status: 200, body: left.shift(), headers: new Headers() })
  const api: Api = {
    get: async (path) => {
      sent.push(path)
      return reply()
    },
    post: async (path, body) => {
      sent.push([path, body])
      return reply()
    },
  }
  const progress = { write: () => undefined, isTerminal: false, width: 100 }
  const context: EraseContext = {
    api,
    terminal: { out: (line) => lines.push(line), progress, isTerminal: false, width: 160 },
    confirm:
      answer === null
        ? null
        : async (question) => {
            questions.push(question)
            return answer
          },
  }
  return { context, sent, lines, questions }
}
const visitor: EraseOptions = { merchant: 'shop', visitor: 'v-1', by: 'me' }

describe('hitlake erase', () => {
  it('asks before it erases, says what happens when, and how to prove it', async () => {
    const { context, sent, lines, questions } = world([erasureOf(7)], true)
    expect(await eraseHits(context, visitor)).toBe(0)
    expect(questions).toEqual(['Erase visitor v-1 of shop, received until now, for good?'])
    expect(sent).toEqual([['/v1/admin/erasures', { merchant: 'shop', visitor: 'v-1', by: 'me' }]])
    expect(lines[0]).toBe('Erasure 7: visitor v-1 of shop, received until 2026-03-01T10:00:00.000Z.')
    expect(lines.at(-1)).toContain('hitlake lake prove-erased --erasure 7')
  })

  it('erases nothing where the answer is no, and ends with 1', async () => {
    const { context, sent, lines } = world([], false)
    expect(await eraseHits(context, visitor)).toBe(1)
    expect(sent).toEqual([])
    expect(lines).toEqual(['nothing was erased'])
  })

  it('needs --yes where nobody can be asked, and then asks nobody', async () => {
    const refused = world([])
    await expect(eraseHits(refused.context, visitor)).rejects.toThrow('--yes')
    expect(refused.sent).toEqual([])
    const { context, lines, questions } = world([erasureOf(1)], false)
    expect(await eraseHits(context, { ...visitor, yes: true, json: true })).toBe(0)
    expect(questions).toEqual([])
    expect(JSON.parse(lines[0] ?? '')).toEqual(erasureOf(1))
  })

  it.each([
    ['nobody', {}],
    ['two at once', { user: 'u', visitor: 'v' }],
    ['one and all', { user: 'u', all: true }],
  ] as const)('refuses %s', async (_name, whose) => {
    const { context, sent } = world([], true)
    await expect(eraseHits(context, { merchant: 'shop', by: 'me', yes: true, ...whose })).rejects.toThrow('name one of')
    expect(sent).toEqual([])
  })

  it('says what the server refuses', async () => {
    const { context } = world([])
    const problem = { status: 404, body: { code: 'not_found', detail: 'there is no merchant "x"' } }
    const api: Api = { ...context.api, post: async () => ({ ...problem, headers: new Headers() }) }
    await expect(eraseHits({ ...context, api }, { ...visitor, yes: true })).rejects.toThrow(
      'not_found: there is no merchant "x"',
    )
  })
})

describe('hitlake erasures', () => {
  it('lists all pages, of one merchant and those under way where asked', async () => {
    const pages = [
      { erasures: [erasureOf(1), erasureOf(2, { state: 'removing' })], next: 2 },
      { erasures: [{ ...erasureOf(3), visitor: undefined, all: true }] },
    ]
    const { context, sent, lines } = world(pages)
    await listErasures(context, { merchant: 'shop', open: true })
    expect(sent).toEqual([
      '/v1/admin/erasures?merchant=shop&state=open&after=0',
      '/v1/admin/erasures?merchant=shop&state=open&after=2',
    ])
    expect(lines.slice(2).map((line) => line.split(/ {2,}/).slice(0, 3))).toEqual([
      ['1', 'visitor v-1 of shop', 'asked'],
      ['2', 'visitor v-1 of shop', 'removing'],
      ['3', 'all of shop', 'asked'],
    ])
  })

  it('prints one JSON value where asked', async () => {
    const { context, lines } = world([{ erasures: [erasureOf(1)] }])
    await listErasures(context, { json: true })
    expect(lines.map((line) => JSON.parse(line))).toEqual([{ erasures: [erasureOf(1)] }])
  })
})
