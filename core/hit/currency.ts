/**
 * ISO 4217 codes that a merchant or a hit may name. A fixed list, not the runtime's: what is accepted must not change with
 * a Node update. Holds the codes in use and those withdrawn since 1999, because imports bring old orders; leaves out what
 * is no money one is paid in (metals, XXX, XTS, bond units).
 */
const inUse =
  'AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE ' +
  'CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD ' +
  'HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD ' +
  'MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR ' +
  'RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH ' +
  'UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XCD XCG XDR XOF XPF XSU XUA YER ZAR ZMW ZWG'
const withdrawn =
  'AFA AON AOR ATS AZM BEF BYB BYR CSD CUC CYP DEM EEK ESP FIM FRF GHC GRD GWP HRK IEP ITL LTL LUF LVL MGF MRO MTL MZM ' +
  'NLG PTE ROL RUR SDD SIT SKK SLL SRG STD TJR TMM TPE TRL VEB VEF XEU XFO XFU YUM ZMK ZWD ZWL ZWN ZWR'

const currencies: ReadonlySet<string> = new Set(`${inUse} ${withdrawn}`.split(' '))

/** Whether `value` is a currency code, in capitals as ISO 4217 writes it. */
export function isCurrency(value: unknown): boolean {
  return currencies.has(value as string)
}

/** All codes, sorted. */
export const currencyCodes: readonly string[] = [...currencies].sort()
