/** Changes of bytes that know nothing of their meaning. */
import type { Draw } from '../sim/random.ts'

/** No input grows beyond it, however often something is doubled. */
export const inputMaxBytes = 256 * 1024

const whole = [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff] as const

const changes: readonly ((draw: Draw, bytes: Buffer, other: Buffer) => Buffer)[] = [
  (draw, bytes) => changed(bytes, (copy) => flip(copy, draw.below(copy.length), 1 << draw.below(8))),
  (draw, bytes) => changed(bytes, (copy) => flip(copy, draw.below(copy.length), draw.between(1, 255))),
  (draw, bytes) => changed(bytes, (copy) => copy.fill(draw.of([0, 0xff, 0x20]), ...stretch(draw, copy.length))),
  (draw, bytes) => bytes.subarray(0, draw.below(bytes.length + 1)),
  (draw, bytes) => bytes.subarray(draw.below(bytes.length + 1)),
  (draw, bytes) => {
    const [from, to] = stretch(draw, bytes.length)
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)])
  },
  (draw, bytes) => {
    const [from, to] = stretch(draw, bytes.length)
    const times = draw.oneIn(10) ? draw.between(2, 1_000) : 1
    const piece = bytes.subarray(from, to)
    const doubled = Array.from({ length: Math.min(times, Math.floor(inputMaxBytes / (piece.length + 1))) }, () => piece)
    return Buffer.concat([bytes.subarray(0, to), ...doubled, bytes.subarray(to)])
  },
  (draw, bytes) => {
    const at = draw.below(bytes.length + 1)
    const added = Buffer.from(draw.source.bytes(draw.between(1, 16)))
    return Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at)])
  },
  (draw, bytes, other) => {
    const [from, to] = stretch(draw, other.length)
    const at = draw.below(bytes.length + 1)
    return Buffer.concat([bytes.subarray(0, at), other.subarray(from, to), bytes.subarray(at)])
  },
  (draw, bytes, other) => {
    const at = draw.below(Math.min(bytes.length, other.length) + 1)
    return Buffer.concat([bytes.subarray(0, at), other.subarray(at)])
  },
  (draw, bytes) =>
    changed(bytes, (copy) => {
      const width = draw.of([1, 2, 4])
      if (copy.length < width) return
      const at = draw.below(copy.length - width + 1)
      const value = draw.of(whole) % 2 ** (8 * width)
      if (draw.oneIn(2)) copy.writeUIntLE(value, at, width)
      else copy.writeUIntBE(value, at, width)
    }),
]

/** One change or a few, each of a kind drawn; `other` lends pieces. */
export function mutateBytes(draw: Draw, input: Buffer, other: Buffer): Buffer {
  let bytes = input
  for (let left = draw.oneIn(3) ? draw.between(2, 6) : 1; left > 0; left--) bytes = draw.of(changes)(draw, bytes, other)
  return bytes.subarray(0, inputMaxBytes)
}

function changed(bytes: Buffer, change: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(bytes)
  if (copy.length > 0) change(copy)
  return copy
}

function flip(bytes: Buffer, at: number, mask: number): void {
  bytes[at] = (bytes[at] as number) ^ mask
}

/** [from, to), short more often than long. */
function stretch(draw: Draw, length: number): [number, number] {
  const from = draw.below(length + 1)
  const most = draw.oneIn(3) ? length - from : Math.min(16, length - from)
  return [from, from + draw.below(most + 1)]
}
