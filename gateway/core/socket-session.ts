/**
 * One socket of hits: how many frames are under way, when the server stops reading, when it ends. What a frame means is
 * not decided here.
 *
 * Promise: every frame that was begun is answered, each as soon as its hits are durable, so not always in the order of the
 * frames. At most `socketMaxUnanswered` are under way; a frame is under way until its answer has left for the network.
 * Then the peer is not read from, so that a sender that is too fast, or does not read its answers, fills its own buffers
 * and not ours.
 */

/** Frames begun whose answer has not left yet. */
export const socketMaxUnanswered = 64
/** Reading goes on at so many: at the limit itself, it would start and stop with every frame. */
export const socketResumeAt = socketMaxUnanswered / 2

/** The other end, as a session needs it. */
export interface SocketPeer {
  /** `written` is called once: when the text has left for the network, or never will. */
  send(text: string, written: () => void): void
  /** No more is read from the network. Frames that were read before still come. */
  pause(): void
  resume(): void
  ping(): void
  /** Says goodbye; the connection ends when the other end has, too. */
  close(code: number, reason: string): void
  terminate(): void
}

export interface SocketSession {
  onFrame(frame: Buffer): void
  /** The peer answered a ping. */
  onPong(): void
  /** The connection is no more; answers under way go nowhere. */
  onGone(): void
  /** Called at a steady pace: ends a peer that gave no sign since the last call, and asks the others for one. */
  check(): void
  /** Begins no more frames, answers those under way, then closes with 1001. */
  shutDown(): void
}

/** @param answer the text that answers a frame; never rejects */
export function createSocketSession(peer: SocketPeer, answer: (frame: Buffer) => Promise<string>): SocketSession {
  let state: 'open' | 'closing' | 'gone' = 'open'
  let reading: 'on' | 'off' = 'on'
  let underWay = 0
  let sign: 'of life' | 'none' = 'of life'
  // What came in with the last bytes read before the pause took hold, a chunk of the network at most.
  let waiting: Buffer[] = []
  let begun = 0

  function begin(frame: Buffer): void {
    underWay += 1
    void answer(frame).then((text) => {
      if (state === 'gone') return
      peer.send(text, onWritten)
    })
  }

  function onWritten(): void {
    underWay -= 1
    sign = 'of life'
    if (state === 'closing' && underWay === 0) sayGoodbye()
    if (state === 'open') goOn()
  }

  function goOn(): void {
    while (underWay < socketMaxUnanswered) {
      const frame = waiting[begun]
      if (frame === undefined) break
      begun += 1
      begin(frame)
    }
    if (begun < waiting.length) return
    waiting = []
    begun = 0
    if (reading === 'off' && underWay <= socketResumeAt) {
      reading = 'on'
      peer.resume()
    }
  }

  function sayGoodbye(): void {
    peer.close(1001, 'the server is stopping; frames without an answer were not stored')
    // The other end's goodbye has to be read.
    peer.resume()
  }

  return {
    onFrame(frame) {
      if (state !== 'open') return
      sign = 'of life'
      if (underWay < socketMaxUnanswered) begin(frame)
      else waiting.push(frame)
      if (underWay === socketMaxUnanswered && reading === 'on') {
        reading = 'off'
        peer.pause()
      }
    },
    onPong() {
      sign = 'of life'
    },
    onGone() {
      state = 'gone'
      waiting = []
    },
    check() {
      if (state === 'gone') return
      if (sign === 'none') return peer.terminate()
      sign = 'none'
      peer.ping()
    },
    shutDown() {
      if (state !== 'open') return
      state = 'closing'
      waiting = []
      peer.pause()
      if (underWay === 0) sayGoodbye()
    },
  }
}
