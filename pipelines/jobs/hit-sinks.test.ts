import { describe, expect, it } from 'vitest'
import type { EventTime, ReceivedTime } from '../../core/event-time.ts'
import type { ClientHints, FeedHit } from '../../core/hit.ts'
import type { MerchantId, Offset } from '../../core/ids.ts'
import { publicationColumns } from '../../core/tables.ts'
import { hitsTable } from '../../schemas/tables.ts'
import { type EnrichContext, enrich } from './enrich.ts'
import { acceptedJson, hits } from './hit-sinks.ts'
import { createUserAgentReader } from './user-agent.ts'

const context: EnrichContext = {
  visitorSeed: () => '00',
  visitorHash: () => 1n,
  country: () => 'DE',
  userAgents: createUserAgentReader(),
}
const run = { plan: 'p', dataSets: '{}', source: 'log-1', partition: 3, generation: 1 }
const hints: ClientHints = {
  ...{ brands: '"Microsoft Edge";v="126"', mobile: '?0', platform: '"Windows"' },
  ...{ platformVersion: null, model: '""' },
}

function feedHit(requestClientHints: ClientHints | null): FeedHit {
  return {
    ...{ merchant: 'shop' as MerchantId, id: 'h1', name: 'page_view', time: 1 as EventTime, visitor: 'v' },
    ...{
      session: null,
      user: null,
      url: 'https://shop.example/a?utm_campaign=Spring',
      referrer: 'https://t.co/',
      title: null,
    },
    ...{ revenue: null, items: [], props: { load_ms: 1 }, context: null, zone: 'UTC', currency: 'EUR' },
    ...{ received: 2 as ReceivedTime, addressPrefix: null, requestUserAgent: null, requestLanguage: null },
    ...{ requestClientHints, keyKind: 'browser', source: 'log-1' },
    position: { partition: 3, offset: 7 as Offset, index: 0 },
  }
}
const row = (requestClientHints: ClientHints | null) => hits.toRow(enrich(feedHit(requestClientHints), context), run)

describe('a row of hits', () => {
  it('has the columns of the table, but for those that publication sets', () => {
    const columns = hitsTable.columns.map(({ name }) => name)
    const own = columns.filter((name) => !(publicationColumns as readonly string[]).includes(name))
    expect(Object.keys(row(hints)).sort()).toEqual(own.sort())
  })

  it('holds what was derived of hints, campaign and load time', () => {
    expect(row(hints)).toMatchObject({
      ...{ browser: 'Microsoft Edge', os: 'Windows', device: 'desktop' },
      ...{ source: 'x', medium: 'social', campaign: 'Spring', load_bucket: 40_000 },
    })
    expect(row(null)).toMatchObject({ browser: null, os: null })
  })

  it('holds the client hints that were sent, as sent, whoever came before', () => {
    const sent =
      '{"brands":"\\"Microsoft Edge\\";v=\\"126\\"","mobile":"?0","platform":"\\"Windows\\"","model":"\\"\\""}'
    expect([hints, { ...hints, mobile: '?1' }, null, { ...hints }].map((each) => row(each).client_hints)).toEqual([
      sent,
      sent.replace('?0', '?1'),
      null,
      sent,
    ])
  })
})

it('the original of a refused hit holds the client hints of its request', () => {
  expect(JSON.parse(acceptedJson(feedHit(hints)))).toMatchObject({ requestClientHints: hints, keyKind: 'browser' })
})
