/** What these scripts use of k6's modules (k6 1.8; `@types/k6` would be a dependency for a page of types). */
declare const __ENV: Readonly<Record<string, string | undefined>>

declare module 'k6' {
  export function sleep(seconds: number): void
  export function fail(reason: string): never
}

declare module 'k6/execution' {
  const execution: {
    readonly vu: { readonly idInTest: number; readonly iterationInScenario: number }
    readonly scenario: { readonly name: string; readonly iterationInTest: number }
  }
  export default execution
}

declare module 'k6/http' {
  export interface Response {
    /** 0 where no answer came. */
    readonly status: number
    readonly body: string | null
    readonly headers: Readonly<Record<string, string>>
    readonly timings: { readonly blocked: number; readonly connecting: number; readonly duration: number }
    json(): unknown
  }
  export interface Parameters {
    readonly headers?: Readonly<Record<string, string>>
    readonly timeout?: string
    readonly tags?: Readonly<Record<string, string>>
    readonly responseType?: 'text' | 'none'
  }
  const http: {
    get(url: string, parameters?: Parameters): Response
    post(url: string, body: string, parameters?: Parameters): Response
  }
  export default http
}

declare module 'k6/metrics' {
  export class Counter {
    constructor(name: string)
    add(value: number, tags?: Readonly<Record<string, string>>): void
  }
  export class Trend {
    constructor(name: string, isTime?: boolean)
    add(value: number, tags?: Readonly<Record<string, string>>): void
  }
  export class Rate {
    constructor(name: string)
    add(value: boolean, tags?: Readonly<Record<string, string>>): void
  }
}

declare module 'k6/websockets' {
  export class WebSocket {
    constructor(url: string, protocols?: null, parameters?: { readonly headers?: Readonly<Record<string, string>> })
    onopen: (() => void) | null
    onmessage: ((event: { readonly data: string }) => void) | null
    onerror: ((event: { readonly error: string }) => void) | null
    onclose: ((event: { readonly code: number }) => void) | null
    send(text: string): void
    close(code?: number): void
  }
}
