"""The STM32F4 flash driver on a simulated flash controller."""
