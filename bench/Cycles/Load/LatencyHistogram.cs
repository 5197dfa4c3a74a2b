using System.Numerics;

namespace ChatCqrs.Bench.Load;

/// <summary>
/// A high dynamic range histogram of microseconds. Every power of two is divided into 256 equal parts: the error of any
/// value is under 0.4 %, in constant memory.
/// </summary>
internal sealed class LatencyHistogram
{
    private const int PartBits = 8, Parts = 1 << PartBits, Largest = 40;

    private readonly long[] _counts = new long[Parts * (Largest - PartBits + 1)];

    public long Count { get; private set; }

    public void Record(long microseconds)
    {
        _counts[IndexOf(Math.Clamp(microseconds, 0, (1L << Largest) - 1))]++;
        Count++;
    }

    public void Clear()
    {
        Array.Clear(_counts);
        Count = 0;
    }

    /// <summary>The value that this share (0 to 1) of all values does not exceed; zero when there are none.</summary>
    public TimeSpan Quantile(double share)
    {
        var rank = Math.Max(1, (long)Math.Ceiling(share * Count));
        for (int i = 0; i < _counts.Length && Count > 0; i++)
        {
            rank -= _counts[i];
            if (rank <= 0)
            {
                return TimeSpan.FromMicroseconds(HighestOf(i));
            }
        }

        return TimeSpan.Zero;
    }

    private static int IndexOf(long value)
    {
        var shift = Math.Max(0, BitOperations.Log2((ulong)value | 1) - PartBits);
        return (shift << PartBits) + (int)(value >> shift);
    }

    private static long HighestOf(int index)
    {
        if (index < 2 * Parts)
        {
            return index;
        }

        var shift = (index >> PartBits) - 1;
        return ((index - ((long)shift << PartBits) + 1) << shift) - 1;
    }
}
