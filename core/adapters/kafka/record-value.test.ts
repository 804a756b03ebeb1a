import { describe, expect, it } from 'vitest'
import { encodeHitPack } from '../../../schemas/avro/hit-pack.ts'
import type { Offset } from '../../ids.ts'
import { recordsOf } from './record-value.ts'

const at = 7 as Offset
const pack = { log: 'c1', places: [3, 5], batches: [Buffer.from('one'), Buffer.from('two')] }

describe('the value of a Kafka record', () => {
  it('that is a pack gives its batches, each with its place, at one offset', () => {
    expect(recordsOf(at, encodeHitPack(pack))).toEqual([
      { offset: 7, payload: Buffer.from('one'), origin: { log: 'c1', place: 3 } },
      { offset: 7, payload: Buffer.from('two'), origin: { log: 'c1', place: 5 } },
    ])
  })

  it('that is anything else is one batch that came past every collector', () => {
    const payload = Buffer.from('a bare batch, or not even that')
    expect(recordsOf(at, payload)).toEqual([{ offset: 7, payload, origin: null }])
  })

  it('that is a broken pack is given whole, to be set aside', () => {
    const broken = encodeHitPack(pack).subarray(0, -1)
    expect(recordsOf(at, broken)).toEqual([{ offset: 7, payload: broken, origin: null }])
  })

  it('that is null is an empty batch', () => {
    expect(recordsOf(at, null)).toEqual([{ offset: 7, payload: Buffer.alloc(0), origin: null }])
  })
})
