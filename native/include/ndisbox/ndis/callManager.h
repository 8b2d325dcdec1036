/* What a miniport call manager calls: the functions of call managers under names of its own. */
#pragma once

#define NdisMCmAddPartyComplete(_S_, _H_, _C_, _P_) NdisCmAddPartyComplete((_S_), (_H_), (_C_), (_P_))
#define NdisMCmCloseAddressFamilyComplete(_S_, _H_) NdisCmCloseAddressFamilyComplete((_S_), (_H_))
#define NdisMCmCloseCallComplete(_S_, _VH_, _PH_) NdisCmCloseCallComplete((_S_), (_VH_), (_PH_))
#define NdisMCmDeregisterSapComplete(_S_, _H_) NdisCmDeregisterSapComplete((_S_), (_H_))
#define NdisMCmDispatchCallConnected(_H_) NdisCmDispatchCallConnected((_H_))
#define NdisMCmDispatchIncomingCall(_SH_, _VH_, _CP_) NdisCmDispatchIncomingCall((_SH_), (_VH_), (_CP_))
#define NdisMCmDispatchIncomingCallQoSChange(_H_, _P_) NdisCmDispatchIncomingCallQoSChange((_H_), (_P_))
#define NdisMCmDispatchIncomingCloseCall(_S_, _H_, _B_, _Z_) \
  NdisCmDispatchIncomingCloseCall((_S_), (_H_), (_B_), (_Z_))
#define NdisMCmDispatchIncomingDropParty(_S_, _H_, _B_, _Z_) \
  NdisCmDispatchIncomingDropParty((_S_), (_H_), (_B_), (_Z_))
#define NdisMCmDropPartyComplete(_S_, _H_) NdisCmDropPartyComplete((_S_), (_H_))
#define NdisMCmMakeCallComplete(_S_, _VH_, _PH_, _CC_, _CP_) \
  NdisCmMakeCallComplete((_S_), (_VH_), (_PH_), (_CC_), (_CP_))
#define NdisMCmModifyCallQoSComplete(_S_, _H_, _P_) NdisCmModifyCallQoSComplete((_S_), (_H_), (_P_))
#define NdisMCmNotifyCloseAddressFamily(_AH_) NdisCmNotifyCloseAddressFamily((_AH_))
#define NdisMCmOidRequestComplete(_AH_, _VH_, _PH_, _R_, _S_) \
  NdisCoOidRequestComplete((_AH_), (_VH_), (_PH_), (_R_), (_S_))
#define NdisMCmOpenAddressFamilyComplete(_S_, _H_, _C_) NdisCmOpenAddressFamilyComplete((_S_), (_H_), (_C_))
#define NdisMCmRegisterSapComplete(_S_, _H_, _C_) NdisCmRegisterSapComplete((_S_), (_H_), (_C_))
