import { crc32 } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { decodeCheckpoint, encodeCheckpoint } from './checkpoint.ts'

const checkpoint = {
  ...{ plan: 'abc', job: 'hits', source: 'log-1', partition: 3, next: 2 ** 40 },
  steps: { 'drop-repeats': Buffer.from([1, 2, 3]), other: Buffer.alloc(0) },
}

/** Written by the first release: what new code must open for ever. */
const firstVersion = 'wwEpNBpkoDu5pAZhYmMIaGl0cwpsb2ctMQaAgICAgEAEGGRyb3AtcmVwZWF0cwYBAgMKb3RoZXIAAJliquE='

describe('a checkpoint', () => {
  it('comes back as it was saved', () => {
    const back = decodeCheckpoint('c', encodeCheckpoint(checkpoint))
    expect({ ...back, steps: { ...back.steps } }).toEqual(checkpoint)
  })

  it('of the first version is opened by this one', () => {
    const back = decodeCheckpoint('c', Buffer.from(firstVersion, 'base64'))
    expect({ ...back, steps: { ...back.steps } }).toEqual(checkpoint)
  })

  it('is refused, naming the object, whichever byte is damaged or missing', () => {
    const bytes = encodeCheckpoint(checkpoint)
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Buffer.from(bytes)
      damaged[at] = (damaged[at] ?? 0) ^ 0x40
      expect(() => decodeCheckpoint('checkpoints/x', damaged)).toThrow('checkpoints/x is damaged')
      expect(() => decodeCheckpoint('checkpoints/x', bytes.subarray(0, at))).toThrow('checkpoints/x is damaged')
    }
  })
  it('is refused at once where a count in it lies, though its checksum is right', () => {
    const { steps: _, ...rest } = checkpoint
    const body = encodeCheckpoint({ ...rest, steps: {} }).subarray(0, -5)
    for (const count of ['feffffffffffff0f', 'ffffffffffffff0f02', 'feffffffffffffffff01']) {
      const lying = Buffer.concat([body, Buffer.from(count, 'hex')])
      const checksum = Buffer.alloc(4)
      checksum.writeUInt32LE(crc32(lying))
      expect(() => decodeCheckpoint('checkpoints/x', Buffer.concat([lying, checksum]))).toThrow(
        'checkpoints/x is damaged',
      )
    }
  })
})
