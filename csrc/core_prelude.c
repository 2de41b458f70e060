#include "rtch.h"
