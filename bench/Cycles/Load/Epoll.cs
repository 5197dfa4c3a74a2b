using System.ComponentModel;
using System.Runtime.InteropServices;

namespace ChatCqrs.Bench.Load;

/// <summary>
/// Linux's readiness notification (epoll(7)): one thread drives thousands of sockets without a task, a lock or an
/// allocation per read. The generator shares its cores with the server under test.
/// </summary>
internal sealed partial class Epoll : IDisposable
{
    private const int EventsAtOnce = 512;
    private const int Add = 1, Modify = 3;
    private const uint In = 0x1, Out = 0x4;

    // struct epoll_event is packed on x86-64 and nowhere else.
    private static readonly int TokenOffset = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 4 : 8;
    private static readonly int Stride = TokenOffset + sizeof(ulong);

    private readonly byte[] _events = new byte[EventsAtOnce * Stride];
    private readonly int _fd = Checked(Create(0));

    /// <summary>Watches a socket for input; <paramref name="token"/> comes back with each of its events.</summary>
    public void Watch(int fd, int token) => Control(Add, fd, token, In);

    /// <summary>Starts or stops reporting that the socket takes output again.</summary>
    public void WatchOutput(int fd, int token, bool on) => Control(Modify, fd, token, on ? In | Out : In);

    /// <summary>Waits for ready sockets, at most the given time; returns their number.</summary>
    public unsafe int Wait(TimeSpan most)
    {
        var ns = Math.Max(0, (long)most.TotalNanoseconds);
        Span<long> timeout = [ns / 1_000_000_000, ns % 1_000_000_000];
        fixed (byte* events = _events)
        fixed (long* time = timeout)
        {
            var ready = WaitFor(_fd, events, EventsAtOnce, time, null);
            return ready >= 0 ? ready : Marshal.GetLastPInvokeError() == 4 /* EINTR */ ? 0 : Checked(ready);
        }
    }

    public (int Token, bool Readable, bool Writable) this[int index]
    {
        get
        {
            var at = _events.AsSpan(index * Stride, Stride);
            var flags = MemoryMarshal.Read<uint>(at);
            return (MemoryMarshal.Read<int>(at[TokenOffset..]), (flags & ~Out) != 0, (flags & Out) != 0);
        }
    }

    public void Dispose() => _ = Close(_fd);

    private unsafe void Control(int operation, int fd, int token, uint flags)
    {
        Span<byte> entry = stackalloc byte[Stride];
        entry.Clear();
        MemoryMarshal.Write(entry, flags);
        MemoryMarshal.Write(entry[TokenOffset..], token);
        fixed (byte* pointer = entry)
        {
            Checked(Control(_fd, operation, fd, pointer));
        }
    }

    private static int Checked(int result) =>
        result >= 0 ? result : throw new Win32Exception(Marshal.GetLastPInvokeError());

    [LibraryImport("libc", EntryPoint = "epoll_create1", SetLastError = true)]
    private static partial int Create(int flags);

    [LibraryImport("libc", EntryPoint = "epoll_ctl", SetLastError = true)]
    private static unsafe partial int Control(int epoll, int operation, int fd, byte* entry);

    [LibraryImport("libc", EntryPoint = "epoll_pwait2", SetLastError = true)]
    private static unsafe partial int WaitFor(int epoll, byte* events, int most, long* timeout, void* signals);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int fd);
}
