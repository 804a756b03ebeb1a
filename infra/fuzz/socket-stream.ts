/** The bytes of a WebSocket (RFC 6455) as a client sends them: parts of frames, and what a server has to make of them. */

export interface SocketFrame {
  readonly fin: boolean
  /** 0 to 7. */
  readonly reserved: number
  readonly opcode: number
  readonly isMasked: boolean
  readonly payload: Buffer
  /** Of the length, where it is not that of the payload. */
  readonly claimed?: number
}

const mask = Buffer.from([0x11, 0x22, 0x33, 0x44])

export function encodeFrames(frames: readonly SocketFrame[]): Buffer {
  return Buffer.concat(
    frames.flatMap((frame) => [headOf(frame), frame.isMasked ? masked(frame.payload) : frame.payload]),
  )
}

function headOf({ fin, reserved, opcode, isMasked, payload, claimed = payload.length }: SocketFrame): Buffer {
  const first = (fin ? 0x80 : 0) | (reserved << 4) | opcode
  const bit = isMasked ? 0x80 : 0
  const key = isMasked ? mask : Buffer.alloc(0)
  if (claimed < 126) return Buffer.concat([Buffer.from([first, bit | claimed]), key])
  const long = claimed > 0xffff
  const head = Buffer.alloc(long ? 10 : 4)
  head[0] = first
  head[1] = bit | (long ? 127 : 126)
  if (long) head.writeBigUInt64BE(BigInt(claimed), 2)
  else head.writeUInt16BE(claimed, 2)
  return Buffer.concat([head, key])
}

function masked(payload: Buffer, key: Buffer = mask): Buffer {
  return Buffer.from(payload.map((byte, i) => byte ^ (key[i % 4] as number)))
}

/** Whole frames from the front, and whether the bytes end behind one. */
export function decodeFrames(bytes: Buffer): { readonly frames: readonly SocketFrame[]; readonly rest: Buffer } {
  const frames: SocketFrame[] = []
  let at = 0
  for (;;) {
    const head = bytes.subarray(at)
    const [first, second] = head
    if (first === undefined || second === undefined) break
    const isMasked = second >= 0x80
    const short = second & 0x7f
    const extra = short === 127 ? 8 : short === 126 ? 2 : 0
    const start = 2 + extra + (isMasked ? 4 : 0)
    if (head.length < start) break
    const length = extra === 8 ? Number(head.readBigUInt64BE(2)) : extra === 2 ? head.readUInt16BE(2) : short
    if (head.length < start + length) break
    const body = head.subarray(start, start + length)
    const payload = isMasked ? masked(body, head.subarray(start - 4, start)) : Buffer.from(body)
    frames.push({ fin: first >= 0x80, reserved: (first >> 4) & 7, opcode: first & 15, isMasked, payload })
    at += start + length
  }
  return { frames, rest: bytes.subarray(at) }
}

export interface ClientStream {
  /** Whole messages of data that come before the end. */
  readonly messages: readonly Buffer[]
  /** `closed`: the client says goodbye. `broken`: the server must end it. `open`: neither; perhaps in the middle of a frame. */
  readonly end: 'open' | 'closed' | 'broken'
}

/** What the bytes of a client mean. A frame is judged by its head: a server need not wait for what cannot be right. */
export function readStream(bytes: Buffer, messageMaxBytes: number): ClientStream {
  const messages: Buffer[] = []
  let begun: Buffer[] | undefined
  const { frames, rest } = decodeFrames(bytes)
  const broken = { messages, end: 'broken' } as const
  for (const frame of frames) {
    const { fin, opcode, payload } = frame
    if (isWrong(frame, payload.length, begun !== undefined)) return broken
    if (opcode === 8) return { messages, end: isGoodbye(payload) ? 'closed' : 'broken' }
    if (opcode >= 8) continue
    begun = [...(begun ?? []), payload]
    if (begun.reduce((sum, { length }) => sum + length, 0) > messageMaxBytes) return broken
    if (!fin) continue
    messages.push(Buffer.concat(begun))
    begun = undefined
  }
  return headIsWrong(rest, begun, messageMaxBytes) ? broken : { messages, end: 'open' }
}

function isWrong({ fin, reserved, opcode, isMasked }: SocketFrame, length: number, inside: boolean): boolean {
  if (reserved !== 0 || !isMasked) return true
  if (opcode >= 8) return opcode > 10 || !fin || length > 125
  return opcode > 2 || (opcode === 0) !== inside
}

function isGoodbye(payload: Buffer): boolean {
  if (payload.length === 0) return true
  if (payload.length === 1) return false
  const code = payload.readUInt16BE(0)
  return (
    (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006) || (code >= 3000 && code <= 4999)
  )
}

/** Of a frame that is not all there. */
function headIsWrong(rest: Buffer, begun: readonly Buffer[] | undefined, messageMaxBytes: number): boolean {
  const [first, second] = rest
  if (first === undefined || second === undefined) return false
  const short = second & 0x7f
  const head = {
    fin: first >= 0x80,
    reserved: (first >> 4) & 7,
    opcode: first & 15,
    isMasked: second >= 0x80,
    payload: rest,
  }
  if (isWrong(head, short, begun !== undefined)) return true
  const extra = short === 127 ? 8 : short === 126 ? 2 : 0
  if (rest.length < 2 + extra) return false
  const length = extra === 8 ? Number(rest.readBigUInt64BE(2)) : extra === 2 ? rest.readUInt16BE(2) : short
  const before = (begun ?? []).reduce((sum, piece) => sum + piece.length, 0)
  return head.opcode < 8 && before + length > messageMaxBytes
}
