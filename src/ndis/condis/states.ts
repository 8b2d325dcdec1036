/**
 * The states of what connection-oriented drivers share: address families, SAPs, calls, parties, and whether data may
 * flow on a VC. Implements "Connection-Oriented Operations" (network): the pages that each table names.
 */

import { stateTable } from '../stateTable.ts';

export type FamilyState = 'Closed' | 'Opening' | 'Open' | 'Closing';
export type FamilyEvent =
  | 'OpenAf'
  | 'OpenAfComplete'
  | 'OpenAfFailed'
  | 'CloseAf'
  | 'CloseAfComplete'
  | 'CloseAfFailed';

/** A client's open of an address family. */
export const familyStates = stateTable<FamilyState, FamilyEvent>(
  'address family',
  'network/registering-and-opening-an-address-family',
  {
    OpenAf: { Closed: 'Opening' },
    OpenAfComplete: { Opening: 'Open' },
    OpenAfFailed: { Opening: 'Closed' },
    CloseAf: { Open: 'Closing' },
    CloseAfComplete: { Closing: 'Closed' },
    CloseAfFailed: { Closing: 'Open' },
  },
);

export type SapState = 'Deregistered' | 'Registering' | 'Registered' | 'Deregistering';
export type SapEvent =
  | 'RegisterSap'
  | 'RegisterSapComplete'
  | 'RegisterSapFailed'
  | 'DeregisterSap'
  | 'DeregisterSapComplete'
  | 'DeregisterSapFailed';

/** A service access point of a client. */
export const sapStates = stateTable<SapState, SapEvent>('SAP', 'network/registering-a-sap', {
  RegisterSap: { Deregistered: 'Registering' },
  RegisterSapComplete: { Registering: 'Registered' },
  RegisterSapFailed: { Registering: 'Deregistered' },
  DeregisterSap: { Registered: 'Deregistering' },
  DeregisterSapComplete: { Deregistering: 'Deregistered' },
  DeregisterSapFailed: { Deregistering: 'Registered' },
});

/**
 * Idle: no call. Calling: NdisClMakeCall is pending. Offered: the client decides on an incoming call. Answered: it
 * accepted, the network has not confirmed. Connected: data may flow. Closing: NdisClCloseCall is pending. Abandoning:
 * the same of a call that was never connected.
 */
export type CallState = 'Idle' | 'Calling' | 'Offered' | 'Answered' | 'Connected' | 'Closing' | 'Abandoning';
export type CallEvent =
  | 'MakeCall'
  | 'MakeCallSucceeded'
  | 'MakeCallFailed'
  | 'IncomingCall'
  | 'IncomingCallAccepted'
  | 'IncomingCallRejected'
  | 'CallConnected'
  | 'ModifyCallQoS'
  | 'IncomingCallQoSChange'
  | 'IncomingCloseCall'
  | 'CloseCall'
  | 'CloseCallSucceeded'
  | 'CloseCallFailed'
  | 'CloseAbandonedFailed';

/**
 * The call on a VC. A client may close a call that it is making or that is offered to it; what was pending is then
 * still completed. A close of the remote party that crosses the client's own changes nothing.
 */
export const callStates = stateTable<CallState, CallEvent>('call', 'network/making-a-call', {
  MakeCall: { Idle: 'Calling' },
  MakeCallSucceeded: { Calling: 'Connected', Abandoning: 'Abandoning', Idle: 'Idle' },
  MakeCallFailed: { Calling: 'Idle', Abandoning: 'Abandoning', Idle: 'Idle' },
  IncomingCall: { Idle: 'Offered' },
  IncomingCallAccepted: { Offered: 'Answered', Abandoning: 'Abandoning' },
  IncomingCallRejected: { Offered: 'Idle', Abandoning: 'Abandoning' },
  CallConnected: { Answered: 'Connected', Closing: 'Closing' },
  ModifyCallQoS: { Offered: 'Offered', Answered: 'Answered', Connected: 'Connected' },
  IncomingCallQoSChange: { Answered: 'Answered', Connected: 'Connected', Closing: 'Closing' },
  IncomingCloseCall: {
    Offered: 'Offered',
    Answered: 'Answered',
    Connected: 'Connected',
    Closing: 'Closing',
    Abandoning: 'Abandoning',
  },
  CloseCall: { Calling: 'Abandoning', Offered: 'Abandoning', Answered: 'Closing', Connected: 'Closing' },
  CloseCallSucceeded: { Closing: 'Idle', Abandoning: 'Idle' },
  CloseCallFailed: { Closing: 'Connected' },
  CloseAbandonedFailed: { Abandoning: 'Calling' },
});

export type ActivationState = 'Inactive' | 'Activating' | 'Active' | 'Reactivating' | 'Deactivating';
export type ActivationEvent =
  | 'ActivateVc'
  | 'ActivateVcComplete'
  | 'ActivateVcFailed'
  | 'DeactivateVc'
  | 'DeactivateVcComplete'
  | 'DeactivateVcFailed';

/** Whether the miniport is ready for data on a VC. A failed reactivation leaves the old parameters in force. */
export const activationStates = stateTable<ActivationState, ActivationEvent>(
  'VC',
  'network/activating-a-vc',
  {
    ActivateVc: { Inactive: 'Activating', Active: 'Reactivating' },
    ActivateVcComplete: { Activating: 'Active', Reactivating: 'Active' },
    ActivateVcFailed: { Activating: 'Inactive', Reactivating: 'Active' },
    DeactivateVc: { Active: 'Deactivating' },
    DeactivateVcComplete: { Deactivating: 'Inactive' },
    DeactivateVcFailed: { Deactivating: 'Active' },
  },
);

export type PartyState = 'Gone' | 'Adding' | 'Active' | 'Dropping';
export type PartyEvent =
  | 'AddParty'
  | 'AddPartyComplete'
  | 'AddPartyFailed'
  | 'IncomingDropParty'
  | 'DropParty'
  | 'DropPartyComplete'
  | 'DropPartyFailed';

/** A party of a multipoint call. The first comes with the call, the last goes with it. */
export const partyStates = stateTable<PartyState, PartyEvent>(
  'party',
  'network/adding-a-party-to-a-multipoint-call',
  {
    AddParty: { Gone: 'Adding' },
    AddPartyComplete: { Adding: 'Active' },
    AddPartyFailed: { Adding: 'Gone' },
    IncomingDropParty: { Active: 'Active', Dropping: 'Dropping' },
    DropParty: { Active: 'Dropping' },
    DropPartyComplete: { Dropping: 'Gone' },
    DropPartyFailed: { Dropping: 'Active' },
  },
);
