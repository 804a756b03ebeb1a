/** The feed `hits` as plans see it: a row is one hit with the facts of its batch. */
import type { FeedHit } from '../../core/hit.ts'
import { feed } from '../plan/feed-definition.ts'

export const hitFeed = feed<FeedHit>('hits', {
  partitionKey: 'merchant',
  columns: {
    id: 'string',
    name: 'string',
    time: 'instant',
    visitor: 'string',
    session: 'string',
    user: 'string',
    url: 'string',
    referrer: 'string',
    title: 'string',
    revenue: 'object',
    items: 'object',
    props: 'object',
    context: 'object',
    merchant: 'string',
    zone: 'string',
    currency: 'string',
    received: 'instant',
    addressPrefix: 'string',
    requestUserAgent: 'string',
    requestLanguage: 'string',
    requestClientHints: 'object',
    keyKind: 'string',
    source: 'string',
    position: 'object',
  },
})
