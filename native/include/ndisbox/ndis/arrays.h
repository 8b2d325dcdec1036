/* Elements of the arrays and property lists that switch extensions and isolation use: each says where the next is. */
#pragma once

#define NDIS_SWITCH_PORT_AT_ARRAY_INDEX(_PortArray_, _Index_)                                          \
  ((PNDIS_SWITCH_PORT_PARAMETERS)((PUCHAR)(_PortArray_) + (_PortArray_)->FirstElementOffset +          \
                                  ((_PortArray_)->ElementSize * (_Index_))))
#define NDIS_SWITCH_NIC_AT_ARRAY_INDEX(_NicArray_, _Index_)                                            \
  ((PNDIS_SWITCH_NIC_PARAMETERS)((PUCHAR)(_NicArray_) + (_NicArray_)->FirstElementOffset +             \
                                 ((_NicArray_)->ElementSize * (_Index_))))
#define NDIS_SWITCH_PORT_DESTINATION_AT_ARRAY_INDEX(_DestArray_, _Index_)                              \
  ((PNDIS_SWITCH_PORT_DESTINATION)((PUCHAR)(_DestArray_)->FirstElement + ((_DestArray_)->ElementSize * (_Index_))))
#define NDIS_SWITCH_PORT_PROPERTY_ENUM_PARAMETERS_GET_FIRST_INFO(_P_) \
  ((PNDIS_SWITCH_PORT_PROPERTY_ENUM_INFO)((PUCHAR)(_P_) + (_P_)->FirstPropertyOffset))
#define NDIS_SWITCH_PORT_PROPERTY_ENUM_INFO_GET_PROPERTY(_I_) \
  ((PVOID)((PUCHAR)(_I_) + (_I_)->PropertyBufferOffset))
#define NDIS_SWITCH_PORT_PROPERTY_ENUM_INFO_GET_NEXT(_I_)                                          \
  ((PNDIS_SWITCH_PORT_PROPERTY_ENUM_INFO)((PUCHAR)(_I_) + (_I_)->QwordAlignedPropertyBufferLength + \
                                          (_I_)->PropertyBufferOffset))
#define NDIS_SWITCH_PORT_PROPERTY_PARAMETERS_GET_PROPERTY(_P_) ((PVOID)((PUCHAR)(_P_) + (_P_)->PropertyBufferOffset))
#define NDIS_SWITCH_PORT_PROPERTY_CUSTOM_GET_BUFFER(_C_) ((PVOID)((PUCHAR)(_C_) + (_C_)->PropertyBufferOffset_))
#define NDIS_SWITCH_PROPERTY_ENUM_PARAMETERS_GET_FIRST_INFO(_P_) \
  ((PNDIS_SWITCH_PROPERTY_ENUM_INFO)((PUCHAR)(_P_) + (_P_)->FirstPropertyOffset))
#define NDIS_SWITCH_PROPERTY_ENUM_INFO_GET_PROPERTY(_I_) ((PVOID)((PUCHAR)(_I_) + (_I_)->PropertyBufferOffset))
#define NDIS_SWITCH_PROPERTY_ENUM_INFO_GET_NEXT(_I_)                                          \
  ((PNDIS_SWITCH_PROPERTY_ENUM_INFO)((PUCHAR)(_I_) + (_I_)->QwordAlignedPropertyBufferLength + \
                                     (_I_)->PropertyBufferOffset))
#define NDIS_SWITCH_PROPERTY_PARAMETERS_GET_PROPERTY(_P_) ((PVOID)((PUCHAR)(_P_) + (_P_)->PropertyBufferOffset))
