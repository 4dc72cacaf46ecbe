// A socket of ZeroMQ over libzmq itself, as much as a subscriber needs.

using System;
using System.Collections.Generic;
using System.IO;
using System.Runtime.InteropServices;
using System.Text;

sealed class Socket : IDisposable
{
    public const int Sub = 2, Dealer = 5;

    // Numbers from zmq.h
    const int Subscribed = 6, Linger = 17, ReceiveTimeout = 27;
    const int Keepalive = 34, KeepaliveCount = 35, KeepaliveIdle = 36, KeepaliveInterval = 37;
    const int CurvePublicKey = 48, CurveSecretKey = 49, CurveServerKey = 50;
    const int Eintr = 4, Eagain = 11;

    static readonly IntPtr context = zmq_ctx_new();
    readonly IntPtr socket;

    /// <summary>Connects, now or as soon as somebody listens there; Receive waits so long.</summary>
    public Socket(int type, string address, int patienceMs, Curve keys)
    {
        socket = zmq_socket(context, type);
        Set(Linger, 0);
        Set(ReceiveTimeout, patienceMs);
        Set(Keepalive, 1);
        Set(KeepaliveIdle, 2);
        Set(KeepaliveInterval, 2);
        Set(KeepaliveCount, 3);
        if (keys != null)
        {
            Set(CurvePublicKey, keys.PublicKey);
            Set(CurveSecretKey, keys.SecretKey);
            Set(CurveServerKey, keys.ServerKey);
        }
        Check(zmq_connect(socket, address));
    }

    public void Subscribe(string prefix) { Set(Subscribed, prefix); }

    public void Send(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        Check(zmq_send(socket, bytes, (UIntPtr)bytes.Length, 0));
    }

    /// <summary>The parts of the next message, two; null where none came in time.</summary>
    public List<string> Receive()
    {
        var parts = new List<string>();
        bool more;
        do
        {
            var part = Part(out more);
            if (part == null) return null;
            parts.Add(part);
        }
        while (more);
        if (parts.Count != 2)
            throw new InvalidDataException($"a message of {parts.Count} parts came; is the address the right one?");
        return parts;
    }

    public void Dispose() { zmq_close(socket); }

    string Part(out bool more)
    {
        var message = default(Message);
        zmq_msg_init(ref message);
        more = false;
        while (zmq_msg_recv(ref message, socket, 0) < 0)
        {
            if (zmq_errno() == Eagain) return null;
            if (zmq_errno() != Eintr) Check(-1); // a signal, as after SIGCONT, only means: once more
        }
        var bytes = new byte[(int)zmq_msg_size(ref message)];
        Marshal.Copy(zmq_msg_data(ref message), bytes, 0, bytes.Length);
        more = zmq_msg_more(ref message) != 0;
        zmq_msg_close(ref message);
        return Encoding.UTF8.GetString(bytes);
    }

    void Set(int option, int value) { Check(zmq_setsockopt(socket, option, ref value, (UIntPtr)sizeof(int))); }

    void Set(int option, string value)
    {
        var bytes = Encoding.ASCII.GetBytes(value);
        Check(zmq_setsockopt(socket, option, bytes, (UIntPtr)bytes.Length));
    }

    static void Check(int result)
    {
        if (result < 0) throw new IOException(Marshal.PtrToStringAnsi(zmq_strerror(zmq_errno())));
    }

    /// <summary>zmq_msg_t: 64 bytes, aligned as a pointer.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 64)]
    struct Message { IntPtr opaque; }

    const string Library = "libzmq"; // libzmq.so (Debian: libzmq3-dev) or libzmq.dll

    [DllImport(Library)] static extern IntPtr zmq_ctx_new();
    [DllImport(Library)] static extern IntPtr zmq_socket(IntPtr context, int type);
    [DllImport(Library)] static extern int zmq_setsockopt(IntPtr socket, int option, ref int value, UIntPtr size);
    [DllImport(Library)] static extern int zmq_setsockopt(IntPtr socket, int option, byte[] value, UIntPtr size);
    [DllImport(Library)] static extern int zmq_connect(IntPtr socket, string address);
    [DllImport(Library)] static extern int zmq_close(IntPtr socket);
    [DllImport(Library)] static extern int zmq_send(IntPtr socket, byte[] data, UIntPtr size, int flags);
    [DllImport(Library)] static extern int zmq_msg_init(ref Message message);
    [DllImport(Library)] static extern int zmq_msg_recv(ref Message message, IntPtr socket, int flags);
    [DllImport(Library)] static extern IntPtr zmq_msg_data(ref Message message);
    [DllImport(Library)] static extern UIntPtr zmq_msg_size(ref Message message);
    [DllImport(Library)] static extern int zmq_msg_more(ref Message message);
    [DllImport(Library)] static extern int zmq_msg_close(ref Message message);
    [DllImport(Library)] static extern int zmq_errno();
    [DllImport(Library)] static extern IntPtr zmq_strerror(int error);
}
