/** Abbreviations of time zones that a date's text may end with (PostgreSQL's default set): seconds east of UTC, `:1` for daylight saving. */
const facts = `
ACDT:37800:1 ACSST:37800:1 ACST:34200 ACT:-18000 ACWST:31500 ADT:-10800:1 AEDT:39600:1 AESST:39600:1 AEST:36000
AFT:16200 AKDT:-28800:1 AKST:-32400 ALMST:25200:1 ALMT:21600 AMST:14400 AMT:-14400 ANAST:43200 ANAT:43200 ARST:-10800
ART:-10800 AST:-14400 AWSST:32400:1 AWST:28800 AZOST:0:1 AZOT:-3600 AZST:14400 AZT:14400 BDST:7200:1 BDT:21600
BNT:28800 BORT:28800 BOT:-14400 BRA:-10800 BRST:-7200:1 BRT:-10800 BST:3600:1 BTT:21600 CADT:37800:1 CAST:34200
CCT:28800 CDT:-18000:1 CEST:7200:1 CET:3600 CETDST:7200:1 CHADT:49500:1 CHAST:45900 CHUT:36000 CKT:-36000 CLST:-10800:1
CLT:-10800:1 COT:-18000 CST:-21600 CXT:25200 DAVT:25200 DDUT:36000 EASST:-18000:1 EAST:-18000:1 EAT:10800 EDT:-14400:1
EEST:10800:1 EET:7200 EETDST:10800:1 EGST:0:1 EGT:-3600 EST:-18000 FET:10800 FJST:46800:1 FJT:43200 FKST:-10800
FKT:-10800 FNST:-3600:1 FNT:-7200 GALT:-21600 GAMT:-32400 GEST:14400 GET:14400 GFT:-10800 GILT:43200 GMT:0 GYT:-14400
HKT:28800 HST:-36000 ICT:25200 IDT:10800:1 IOT:21600 IRKST:28800 IRKT:28800 IRT:12600 IST:7200 JAYT:32400 JST:32400
KDT:36000:1 KGST:21600:1 KGT:21600 KOST:39600 KRAST:25200 KRAT:25200 KST:32400 LHDT:39600:1 LHST:37800 LIGT:36000
LINT:50400 LKT:19800 MAGST:39600 MAGT:39600 MART:-34200 MAWT:18000 MDT:-21600:1 MEST:7200:1 MESZ:7200:1 MET:3600
METDST:7200:1 MEZ:3600 MHT:43200 MMT:23400 MPT:36000 MSD:14400:1 MSK:10800 MST:-25200 MUST:18000:1 MUT:14400 MVT:18000
MYT:28800 NDT:-9000:1 NFT:-12600 NOVST:25200 NOVT:25200 NPT:20700 NST:-12600 NUT:-39600 NZDT:46800:1 NZST:43200
NZT:43200 OMSST:21600 OMST:21600 PDT:-25200:1 PET:-18000 PETST:43200 PETT:43200 PGT:36000 PHT:28800 PKST:21600:1
PKT:18000 PMDT:-7200:1 PMST:-10800 PONT:39600 PST:-28800 PWT:32400 PYST:-10800:1 PYT:-10800 RET:14400 SADT:37800:1
SAST:7200 SCT:14400 SGT:28800 TAHT:-36000 TFT:18000 TJT:18000 TKT:46800 TMT:18000 TOT:46800 TRUT:36000 TVT:43200 UCT:0
ULAST:32400:1 ULAT:28800 UT:0 UTC:0 UYST:-7200:1 UYT:-10800 UZST:21600:1 UZT:18000 VET:-14400 VLAST:36000 VLAT:36000
VOLT:10800 VUT:39600 WADT:28800:1 WAKT:43200 WAST:25200 WAT:3600 WDT:32400:1 WET:0 WETDST:3600:1 WFT:43200 WGST:-7200:1
WGT:-10800 XJT:21600 YAKST:32400 YAKT:32400 YAPT:36000 YEKST:21600:1 YEKT:18000 Z:0 ZULU:0
`;

/** Abbreviations whose offset was not always the same: by the zone whose history tells what it was. */
const places = `
America/Argentina/Buenos_Aires:ART,ARST America/Asuncion:PYT America/Caracas:VET America/Guyana:GYT America/Santiago:CLT
Antarctica/Davis:DAVT Antarctica/Mawson:MAWT Asia/Anadyr:ANAST,ANAT Asia/Ashgabat:TMT Asia/Baku:AZST,AZT
Asia/Bishkek:KGT Asia/Colombo:LKT Asia/Irkutsk:IRKST,IRKT Asia/Kamchatka:PETST,PETT Asia/Krasnoyarsk:KRAST,KRAT
Asia/Magadan:MAGST,MAGT Asia/Novosibirsk:NOVST,NOVT Asia/Omsk:OMSST,OMST Asia/Singapore:SGT Asia/Tbilisi:GEST,GET
Asia/Ulaanbaatar:ULAT Asia/Vladivostok:VLAST,VLAT Asia/Yakutsk:YAKST,YAKT Asia/Yekaterinburg:YEKT Asia/Yerevan:AMST
Atlantic/Stanley:FKST,FKT Australia/Lord_Howe:LHDT Europe/Moscow:MSK Europe/Volgograd:VOLT Indian/Chagos:IOT
Pacific/Easter:EASST,EAST Pacific/Fakaofo:TKT Pacific/Kiritimati:LINT Pacific/Kosrae:KOST Pacific/Niue:NUT
Pacific/Rarotonga:CKT
`;

const zoneOf = new Map(
  places
    .trim()
    .split(/\s+/u)
    .flatMap((place) => {
      const [zone = "", names = ""] = place.split(":");
      return names.split(",").map((name) => [name, zone]);
    }),
);

export interface ZoneAbbreviation {
  /** Seconds east of UTC; of those with a zone, what it was last. */
  readonly offset: number;
  readonly isDst: boolean;
  readonly zone: string | null;
}

export const zoneAbbreviations: ReadonlyMap<string, ZoneAbbreviation> = new Map(
  facts
    .trim()
    .split(/\s+/u)
    .map((fact) => {
      const [name = "", offset, isDst] = fact.split(":");
      return [name.toLowerCase(), { offset: Number(offset), isDst: isDst === "1", zone: zoneOf.get(name) ?? null }];
    }),
);
